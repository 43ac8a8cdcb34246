package http

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Switched is Context.NextData for the protocol a connection goes on with: the exchange that led there.
type Switched struct{ Tx *Transaction }

// asksSwitch tells whether what the client sends behind this request may be another protocol.
func (t *Transaction) asksSwitch() bool {
	r := &t.Request
	return string(r.Method) == "CONNECT" || upgrade(&r.Message) != flow.AppUnknown
}

// upgrade reads the Upgrade field (RFC 9110 7.8): the first protocol in it that we know.
func upgrade(m *Message) flow.App {
	for v := m.Get("upgrade"); len(v) > 0; {
		var word []byte
		word, v, _ = bytes.Cut(v, []byte{','})
		switch word = bytes.TrimSpace(word); {
		case equalFold(word, "websocket"):
			return flow.AppWebSocket
		case equalFold(word, "h2c"):
			return flow.AppHTTP2
		}
	}
	return flow.AppUnknown
}

// announce tells the pipeline what the connection goes on with, where the answer says so. Behind CONNECT and unknown
// upgrades the protocol is recognised anew.
func (t *Transaction) announce(c *proto.Context) {
	if t.Response.Status != 101 {
		return
	}
	app := upgrade(&t.Response.Message)
	if app == flow.AppUnknown {
		app = upgrade(&t.Request.Message)
	}
	if app != flow.AppUnknown {
		c.Next, c.NextData = app, Switched{t}
	}
}
