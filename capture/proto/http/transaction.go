package http

import (
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of one side of a transaction.
const (
	NotStarted = iota // no byte yet
	InLine            // request or status line incomplete
	InHeaders         // line complete, headers incomplete
	InBody            // headers complete
	InTrailer         // body complete, trailer of a chunked body incomplete
	Done              // message complete
)

// Header is one header field, repeated fields joined with ", " as libhtp does.
type Header struct {
	Name  []byte // as sent
	Value []byte // without surrounding white space, continuation lines unfolded
}

// Body is a message body after transfer and content decoding, bounded.
type Body struct {
	Data      []byte // the first bytes, up to the body limit
	Total     uint64 // decoded bytes seen, also past the limit
	Wire      uint64 // bytes on the wire, before decoding
	Truncated bool   // Data does not hold all of it: limit, gap or early end
	Done      bool   // no more will come
}

// Message is what request and response share.
type Message struct {
	Line     []byte   // request or status line without line end
	Protocol []byte   // "HTTP/1.1" as sent
	Headers  []Header // in order of first appearance
	// RawHeaders is the header block as sent, from the byte after the first line up to and including the blank line.
	RawHeaders []byte
	// NormHeaders is the header block as http.header shows it: "Name: value\r\n" for each header but
	// Cookie and Set-Cookie, values normalised.
	NormHeaders []byte
	// HeaderNames is "\r\nHost\r\nAccept\r\n\r\n": names in order between line ends, as http.header_names shows them.
	HeaderNames []byte
	// Start is line and raw headers together, as http.start shows them.
	Start []byte
	// Cookie is the value of Cookie (requests) or Set-Cookie (responses).
	Cookie []byte
	// Trailers are headers after a chunked body.
	Trailers []Header
	Body     Body
	// ContentLength is the declared length, -1 when absent or invalid.
	ContentLength int64
	Chunked       bool
	Gap           bool // bytes of this message were lost
}

// Get returns the value of the first header of that name (compared without case), nil when absent.
func (m *Message) Get(name string) []byte {
	for i := range m.Headers {
		if equalFold(m.Headers[i].Name, name) {
			return m.Headers[i].Value
		}
	}
	return nil
}

// Request is the client's side.
type Request struct {
	Message
	Method []byte // as sent
	RawURI []byte // as sent
	// URI is the normalised URI: percent-decoded once, path cleaned as libhtp does (see uri.go), with the query.
	URI []byte
	// Host is the host name in lower case without port, from the URI or else from the Host header; HostRaw is as sent.
	Host, HostRaw []byte
}

// Response is the server's side.
type Response struct {
	Message
	StatCode []byte // three digits as sent
	StatMsg  []byte // reason phrase
	Status   int    // StatCode as a number, 0 when it is none
}

// Transaction is one request with its response.
type Transaction struct {
	proto.State
	Request  Request
	Response Response
	// RequestSeen and ResponseSeen tell whether that side exists at all (a response may come without its request).
	RequestSeen, ResponseSeen bool

	progress  [2]int
	files     [2][]*file.File
	continued bool     // 100 Continue was seen
	hostNotes []string // oddities noted once the request is complete
}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "http" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

// Side returns the message of one direction.
func (t *Transaction) Side(dir flow.Direction) *Message {
	if dir == flow.ToServer {
		return &t.Request.Message
	}
	return &t.Response.Message
}

// equalFold compares b with the lower-case ASCII name.
func equalFold(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		d := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if d >= 'A' && d <= 'Z' {
			d |= 0x20
		}
		if c != d {
			return false
		}
	}
	return true
}

var _ proto.Transaction = (*Transaction)(nil)
