package http2

import (
	"bytes"
	"encoding/base64"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/dns"
)

// question is a DNS message that a side of a stream carries (RFC 8484).
type question struct {
	b    []byte
	over bool // longer than a message can be
}

const dnsBytesMax = 65535

// newQuestion looks whether a side carries DNS: by its type, or in the query of the target.
func newQuestion(t *Transaction, dir flow.Direction) *question {
	if dir == flow.ToServer && string(t.Request.Method) == "GET" {
		_, query, _ := bytes.Cut(t.Request.RawURI, []byte{'?'})
		for len(query) > 0 {
			var item []byte
			item, query, _ = bytes.Cut(query, []byte{'&'})
			value, ok := bytes.CutPrefix(item, []byte("dns="))
			if !ok || len(value) > dnsBytesMax {
				continue
			}
			value = bytes.TrimRight(value, "=")
			b := make([]byte, base64.RawURLEncoding.DecodedLen(len(value)))
			if n, err := base64.RawURLEncoding.Decode(b, value); err == nil && n > 12 {
				return &question{b: b[:n]}
			}
		}
	}
	kind, _, _ := bytes.Cut(t.Side(dir).Get("content-type"), []byte{';'})
	if string(bytes.ToLower(bytes.TrimSpace(kind))) == "application/dns-message" {
		return &question{}
	}
	return nil
}

func (q *question) write(b []byte) {
	if len(q.b)+len(b) > dnsBytesMax {
		q.over = true
		return
	}
	q.b = append(q.b, b...)
}

// done begins the transaction of the message, if it is one.
func (q *question) done(c *proto.Context, dir flow.Direction) {
	if q.over || len(q.b) == 0 {
		return
	}
	c.Flow.App = flow.AppDoH2 // rules tell such connections from others
	// The parser of datagrams takes exactly one message.
	dns.New(true).Data(c, dir, q.b)
	q.b, q.over = nil, true
}

var _ proto.FileCarrier = (*Transaction)(nil)
