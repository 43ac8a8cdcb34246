package http

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// response reads a status line. line is kept.
func (p *Parser) response(c *proto.Context, line []byte) proto.Verdict {
	h := &p.half[flow.ToClient]
	t := p.begin(c, flow.ToClient)
	r := &t.Response
	*r = Response{Message: Message{Line: line, ContentLength: -1}} // what 100 Continue left is replaced
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		r.Protocol = line
	} else {
		r.Protocol = line[:i]
		rest := bytes.TrimLeft(line[i:], " \t")
		if j := bytes.IndexAny(rest, " \t"); j >= 0 {
			r.StatCode, r.StatMsg = rest[:j], bytes.TrimSpace(rest[j:])
		} else {
			r.StatCode = rest
		}
	}
	if !validProtocol(r.Protocol) {
		t.Anomaly("response_invalid_protocol")
	}
	if n, ok := decimal(r.StatCode); ok && n >= 100 && n <= 999 {
		r.Status = n
	} else {
		t.Anomaly("response_invalid_status")
	}
	t.advance(flow.ToClient, InHeaders)
	h.stage = atHeaders
	return proto.Continue
}

// responseHeaders decides what follows a response's header block (RFC 9112 6.3).
func (p *Parser) responseHeaders(c *proto.Context) proto.Verdict {
	h := &p.half[flow.ToClient]
	t := h.tx
	r := &t.Response
	t.framing(flow.ToClient, &r.Message)
	method := t.Request.Method
	switch {
	case r.Status >= 100 && r.Status < 200 && r.Status != 101 && t.RequestSeen:
		// Interim (RFC 9110 15.2): the final response comes under the same request.
		t.advance(flow.ToClient, InHeaders)
		if r.Status == 100 && t.continued {
			t.Anomaly("100_continue_already_seen")
		}
		t.continued = true
		h.stage, h.tx = atStart, nil
		return proto.Continue
	case r.Status == 101:
		p.tunnel = t.RequestSeen && len(p.waiting) > 0
		t.advance(flow.ToClient, InBody)
		return p.complete(c, flow.ToClient)
	case bytes.Equal(method, []byte("CONNECT")) && r.Status >= 200 && r.Status < 300:
		p.tunnel = true
		t.advance(flow.ToClient, InBody)
		return p.complete(c, flow.ToClient)
	case r.Status >= 100 && r.Status < 200, r.Status == 204, r.Status == 304, bytes.Equal(method, []byte("HEAD")):
		t.advance(flow.ToClient, InBody)
		return p.complete(c, flow.ToClient)
	}
	if r.Chunked && hasPrefix(r.Protocol, "HTTP/1.0") {
		t.Anomaly("response_chunked_old_proto")
	}
	if ct := r.Get("content-type"); len(ct) >= 20 && equalFold(ct[:20], "multipart/byteranges") {
		t.Anomaly("response_multipart_byteranges")
	}
	t.advance(flow.ToClient, InBody)
	p.startBody(t, h, flow.ToClient)
	switch {
	case r.Chunked:
		h.stage = atChunk
	case r.ContentLength > 0:
		h.stage, h.left = atLength, r.ContentLength
	case r.ContentLength == 0:
		return p.complete(c, flow.ToClient)
	default:
		h.stage = atClose
	}
	return proto.Continue
}
