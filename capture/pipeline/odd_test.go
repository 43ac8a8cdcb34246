package pipeline

import (
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// oddities gathers the events of protocol recognition of all flows.
type oddities struct{ seen flow.AppEvent }

func (o *oddities) Packet(_ *packet.Packet, f *flow.Flow, _ flow.Direction) {
	if f != nil {
		o.seen |= f.AppEvents
	}
}
func (o *oddities) Stream(*packet.Packet, *flow.Flow, flow.Direction, *stream.Chunk)          {}
func (o *oddities) Transaction(*packet.Packet, *flow.Flow, flow.Direction, proto.Transaction) {}
func (o *oddities) FlowEnd(f *flow.Flow)                                                      { o.seen |= f.AppEvents }

func TestOddRecognition(t *testing.T) {
	const get, ok, ssh = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "SSH-2.0-OpenSSH_9.6 and more\r\n"
	up, down := flow.ToServer, flow.ToClient
	type say struct {
		dir  flow.Direction
		text string
	}
	f := func(what string, want flow.AppEvent, lines ...say) {
		t.Helper()
		c := packettest.NewCapture()
		v := c.TCP(packettest.Client, packettest.Server).Handshake()
		for _, l := range lines {
			v.Send(l.dir, []byte(l.text))
		}
		v.Close()
		o := &oddities{}
		run(t, Config{}, c, o, nil)
		if o.seen != want {
			t.Errorf("%s: events %08b, want %08b", what, o.seen, want)
		}
	}
	f("plain HTTP", 0, say{up, get}, say{down, ok})
	f("plain SSH", 0, say{down, ssh}, say{up, ssh})
	f("HTTP to an SSH server", flow.AppEventMismatch, say{up, get}, say{down, ssh})
	f("HTTP answered by noise", flow.AppEventOneDirection, say{up, get}, say{down, "\x00\x01\x02 this is no protocol at all, whatever it is"})
	f("a server that answers unasked", flow.AppEventWrongDirection, say{down, ok}, say{up, get})
	f("STARTTLS and no TLS", flow.AppEventNoTLS, say{down, "220 mail.test ESMTP\r\n"}, say{up, "EHLO a.test\r\n"}, say{down, "250-mail.test\r\n250 STARTTLS\r\n"},
		say{up, "STARTTLS\r\n"}, say{down, "220 go ahead\r\n"}, say{up, get}, say{down, ok})
	var noise []say // more than recognition waits for
	for i := range undetectedMax/10000 + 2 {
		b := make([]byte, 10000)
		for k := range b {
			b[k] = byte(k*7 + k>>8 + i)
		}
		noise = append(noise, say{up, string(b)})
	}
	f("one side only, unknown", flow.AppEventSkipped, noise...)
}
