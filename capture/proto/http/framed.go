package http

import (
	"bytes"
	"strconv"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Kit is what the parsers of one worker share: limits and spare decoders.
type Kit = kit

// NewKit returns a kit for another framing of HTTP.
func NewKit(l Limits) *Kit {
	l.fill()
	return &kit{limits: l}
}

// Limits returns the limits, filled.
func (k *Kit) Limits() *Limits { return &k.limits }

// BodyStream takes a message body that another framing carries.
type BodyStream struct{ body body }

// Start begins the body of a message whose fields are set.
func (s *BodyStream) Start(t *Transaction, dir flow.Direction, k *Kit) { s.body.start(t, dir, k) }

// Started tells whether the body has begun and not ended.
func (s *BodyStream) Started() bool { return s.body.to != nil }

// Write takes bytes of the body.
func (s *BodyStream) Write(c *proto.Context, b []byte) { s.body.write(c, b) }

// Gap loses bytes of the body.
func (s *BodyStream) Gap(n int64) { s.body.gap(n) }

// Finish ends the body; whole tells that all of it has come.
func (s *BodyStream) Finish(c *proto.Context, whole bool) { s.body.finish(c, whole) }

// Advance moves a side forward and tells inspectors.
func (t *Transaction) Advance(dir flow.Direction, to int) { t.advance(dir, to) }

// SetFields fills one side from the fields of another framing, pseudo-fields (":method") among them, as Suricata shows
// HTTP/2 in the buffers of HTTP: lines are put together, and the pseudo-fields stand among the headers. protocol is its
// name in lines. fields is kept.
func (t *Transaction) SetFields(dir flow.Direction, fields []Header, protocol string) {
	m := t.Side(dir)
	*m = Message{Protocol: []byte(protocol), ContentLength: -1}
	raw := make([]byte, 0, 256)
	list := make([]Header, 0, len(fields))
	for _, f := range fields {
		raw = append(raw, f.Name...)
		raw = append(raw, ": "...)
		raw = append(raw, f.Value...)
		raw = append(raw, "\r\n"...)
		list = t.joinField(list, f)
	}
	m.RawHeaders, m.Headers = raw, list
	if dir == flow.ToServer {
		t.framedRequest(protocol)
	} else {
		t.framedResponse(protocol)
	}
	t.buildViews(dir, m)
	if m.Line != nil {
		m.Line = append(m.Line, "\r\n"...)
	}
	if n, ok := contentLength(m.Get("content-length")); ok {
		m.ContentLength = n
	}
}

// joinField appends a field or joins it to an earlier one, without the oddities HTTP/1 notes: cookies come in pieces here
// (RFC 9113 8.2.3).
func (t *Transaction) joinField(list []Header, f Header) []Header {
	for i := range list {
		if !bytes.EqualFold(list[i].Name, f.Name) {
			continue
		}
		sep := ", "
		if equalFold(f.Name, "cookie") {
			sep = "; "
		}
		joined := make([]byte, 0, len(list[i].Value)+2+len(f.Value))
		joined = append(joined, list[i].Value...)
		joined = append(joined, sep...)
		list[i].Value = append(joined, f.Value...)
		return list
	}
	return append(list, f)
}

func (t *Transaction) framedRequest(protocol string) {
	t.RequestSeen = true
	r := &t.Request
	r.Method, r.RawURI = r.Get(":method"), r.Get(":path")
	r.URI, r.Host, r.HostRaw = nil, nil, nil
	if r.RawURI != nil {
		_, path, query, fragment := splitURI(r.RawURI, false)
		r.URI = normalURI(make([]byte, 0, len(r.RawURI)+1), path, query, fragment, func(string) {})
	}
	authority := r.Get(":authority")
	if authority == nil {
		authority = r.Get("host")
	}
	if authority != nil {
		r.HostRaw = authority
		r.Host, _, _ = hostName(authority)
	}
	if r.Method != nil {
		r.Line = bytes.Join([][]byte{r.Method, r.RawURI, []byte(protocol)}, []byte{' '})
	}
}

func (t *Transaction) framedResponse(protocol string) {
	t.ResponseSeen = true
	r := &t.Response
	r.StatCode, r.StatMsg, r.Status = r.Get(":status"), []byte{}, 0
	if n, ok := decimal(r.StatCode); ok && len(r.StatCode) == 3 {
		r.Status = n
		r.Line = strconv.AppendInt(append([]byte(protocol), ' '), int64(n), 10)
	}
}
