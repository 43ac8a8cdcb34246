package pipeline

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// twoSided are the protocols both sides of which begin in a way that recognition knows: only of these can it be told that a side speaks something
// else. Never written.
var twoSided = [...]flow.App{flow.AppHTTP, flow.AppTLS, flow.AppSSH, flow.AppSMB}

// clientFirst are the protocols in which the client has to speak first. Never written.
var clientFirst = [...]flow.App{flow.AppHTTP, flow.AppTLS, flow.AppSMB}

func isOne(list []flow.App, app flow.App) bool {
	for _, a := range list {
		if a == app {
			return true
		}
	}
	return false
}

// adopted notes what is odd about a flow whose protocol one direction has just shown, and has the other direction looked at when it comes.
func (w *Pipeline) adopted(f *flow.Flow, l *layer, dir flow.Direction) {
	if l.wantsTLS && f.App != flow.AppTLS {
		f.AppEvents |= flow.AppEventNoTLS
	}
	l.wantsTLS = false
	if f.TCP == nil || f.TCP.Midstream || l.restarts > 0 {
		return
	}
	if dir == flow.ToClient && isOne(clientFirst[:], f.App) && f.TCP.Size(flow.ToServer) == 0 {
		f.AppEvents |= flow.AppEventWrongDirection
	}
	l.second = len(w.insp) > 0 && isOne(twoSided[:], f.App)
	l.secondDir = dir.Other()
}

// secondBytesMin is how much of the other direction tells that it is not recognised.
const secondBytesMin = 16

// lookAtSecond tries to recognise the first bytes of the direction that did not decide the flow's protocol.
func (w *Pipeline) lookAtSecond(f *flow.Flow, l *layer, b []byte) {
	l.second = false
	probe := proto.Probe{
		Dir: l.secondDir, Data: b[:min(len(b), proto.DetectBytesMax)], ServerPort: f.Server.Port(), ClientPort: f.Client.Port(),
	}
	found, _, pending := proto.Detect(w.protocols, &probe)
	switch {
	case found != nil && found.App == f.App:
	case found != nil && isOne(twoSided[:], found.App):
		f.AppEvents |= flow.AppEventMismatch
	case found == nil && !pending && len(b) >= secondBytesMin:
		f.AppEvents |= flow.AppEventOneDirection
	}
}

// announcesTLS tells whether a protocol turns to TLS when it gives a flow up for recognition anew.
func announcesTLS(app flow.App) bool {
	switch app {
	case flow.AppSMTP, flow.AppFTP, flow.AppIMAP, flow.AppPOP3, flow.AppLDAP, flow.AppPgSQL, flow.AppMySQL:
		return true
	}
	return false
}
