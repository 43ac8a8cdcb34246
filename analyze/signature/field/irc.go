package field

import (
	"fengsui/capture/flow"
	ircproto "fengsui/capture/proto/irc"
)

// irc has no keywords in Suricata, which does not know the protocol: a message is a frame here.
func irc() Protocol {
	return Protocol{
		App: flow.AppIRC,
		Frames: []Buffer{{Names: []string{"pdu"}, Dirs: Both, Need: After(ircproto.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			data := v.Tx.(*ircproto.Transaction).Line
			return data, i == 0 && data != nil
		}}},
		Events: ircproto.Anomalies,
	}
}
