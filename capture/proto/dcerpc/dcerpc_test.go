package dcerpc

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const (
	svcctl = "367abb81-9844-35f1-ad32-98f038001003"
	ndr    = "8a885d04-1ceb-11c9-9fe8-08002b104860"
)

// pdu writes a PDU in either byte order.
func pdu(o binary.AppendByteOrder, kind, flags byte, call uint32, body []byte) []byte {
	drep := byte(0x10)
	if o.String() == "BigEndian" {
		drep = 0
	}
	b := []byte{5, 0, kind, flags, drep, 0, 0, 0}
	b = o.AppendUint16(b, uint16(16+len(body)))
	b = o.AppendUint16(b, 0)
	b = o.AppendUint32(b, call)
	return append(b, body...)
}

func uuid(o binary.AppendByteOrder, s string) []byte {
	u, ok := ParseUUID(s)
	if !ok {
		panic(s)
	}
	if o.String() == "LittleEndian" {
		u = readUUID(u[:], true)
	}
	return u[:]
}

// bind offers contexts 0 and 1 for svcctl 2.0.
func bind(o binary.AppendByteOrder, call uint32) []byte {
	b := o.AppendUint16(nil, 4280)
	b = o.AppendUint16(b, 4280)
	b = append(b, 0, 0, 0, 0, 2, 0, 0, 0)
	for id := range uint16(2) {
		b = o.AppendUint16(b, id)
		b = append(b, 1, 0)
		b = append(b, uuid(o, svcctl)...)
		b = o.AppendUint32(b, 2)
		b = append(b, uuid(o, ndr)...)
		b = o.AppendUint32(b, 2)
	}
	return pdu(o, Bind, 3, call, b)
}

func bindAck(o binary.AppendByteOrder, call uint32, results ...uint16) []byte {
	b := append(o.AppendUint16(o.AppendUint16(nil, 4280), 4280), 1, 2, 3, 4)
	b = o.AppendUint16(b, 4)
	b = append(b, "135\x00"...)
	b = append(b, 0, 0, byte(len(results)), 0, 0, 0)
	for _, r := range results {
		b = o.AppendUint16(o.AppendUint16(b, r), 1)
		b = append(b, make([]byte, 20)...)
	}
	return pdu(o, BindAck, 3, call, b)
}

func request(o binary.AppendByteOrder, flags byte, call uint32, context, op uint16, stub string) []byte {
	b := o.AppendUint32(nil, uint32(len(stub)))
	b = o.AppendUint16(o.AppendUint16(b, context), op)
	return pdu(o, Request, flags, call, append(b, stub...))
}

func response(o binary.AppendByteOrder, call uint32, stub string) []byte {
	return pdu(o, Response, 3, call, append(make([]byte, 8), stub...))
}

func TestCalls(t *testing.T) {
	for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		d := prototest.New(New(false))
		d.Feed(flow.ToServer, bind(o, 1))
		d.Feed(flow.ToClient, bindAck(o, 1, 0, 2))
		// Two fragments, cut in the middle of the second, then the same ID again on the refused context.
		both := append(request(o, 1, 7, 0, 15, "first "), request(o, 2, 7, 0, 15, "second")...)
		d.Feed(flow.ToServer, both[:40])
		d.Feed(flow.ToServer, both[40:])
		d.Feed(flow.ToClient, response(o, 7, "answer"))
		d.Feed(flow.ToServer, request(o, 3, 7, 1, 16, "third"))
		d.End()
		if len(d.Live.List) != 3 {
			t.Fatalf("%v: %d transactions", o, len(d.Live.List))
		}
		b, r, u := d.Live.List[0].(*Transaction).Call, d.Live.List[1].(*Transaction).Call, d.Live.List[2].(*Transaction).Call
		if b.IsRequest() || len(b.Interfaces) != 2 || b.Interfaces[0].Result != Accepted || b.Interfaces[1].Result != ProviderRejected || string(b.Endpoint) != "135" {
			t.Errorf("%v: bind %+v", o, b)
		}
		if !r.IsRequest() || r.Opnum != 15 || string(r.Sides[0].Stub) != "first second" || string(r.Sides[1].Stub) != "answer" ||
			r.Sides[0].Little != (o.String() == "LittleEndian") || r.Sides[0].Fragments != 2 {
			t.Errorf("%v: request %+v", o, r)
		}
		if len(r.Interfaces) != 1 || r.Interfaces[0].UUID.String() != svcctl || r.Interfaces[0].Major != 2 || r.Interfaces[0].Minor != 0 {
			t.Errorf("%v: interface %+v", o, r.Interfaces)
		}
		if u.Opnum != 16 || len(u.Interfaces) != 0 || u.Sides[1].Seen || !d.Live.List[2].Complete(flow.ToClient) {
			t.Errorf("%v: unanswered %+v", o, u)
		}
	}
}

// TestAnyCut feeds the same bytes cut everywhere: the calls must not differ.
func TestAnyCut(t *testing.T) {
	o := binary.LittleEndian
	all := append(append(bind(o, 1), request(o, 1, 2, 0, 3, "abc")...), request(o, 2, 2, 0, 3, "def")...)
	for cut := range all {
		var a Association
		var last *Call
		visit := func(c *Call, _ flow.Direction, _ bool) { last = c }
		if !a.Feed(flow.ToServer, all[:cut], visit) || !a.Feed(flow.ToServer, all[cut:], visit) {
			t.Fatalf("cut at %d refused", cut)
		}
		if last == nil || string(last.Sides[0].Stub) != "abcdef" || a.Malformed != 0 {
			t.Fatalf("cut at %d: %+v", cut, last)
		}
	}
}

func TestTrailer(t *testing.T) {
	b := request(binary.LittleEndian, 3, 1, 0, 0, "stub\x00\x00\x00\x00\x0a\x06\x04\x00\x00\x00\x00\x00token")
	binary.LittleEndian.PutUint16(b[10:], 5)
	var a Association
	a.Feed(flow.ToServer, b, func(c *Call, _ flow.Direction, _ bool) {
		if s := c.Sides[0]; string(s.Stub) != "stub" || s.AuthType != 10 || s.AuthLevel != 6 {
			t.Errorf("%+v", s)
		}
	})
}

func TestBounds(t *testing.T) {
	d := prototest.New(New(false))
	o := binary.LittleEndian
	d.Feed(flow.ToServer, bind(o, 1))
	for i := range uint32(200) { // none is answered
		d.Feed(flow.ToServer, request(o, 3, i+2, 0, 1, "x"))
	}
	p := d.Parser.(*Parser)
	if len(p.open) > callsMax || len(p.a.calls) > callsMax {
		t.Errorf("%d and %d calls held", len(p.open), len(p.a.calls))
	}
	long := strings.Repeat("A", 4000)
	d.Feed(flow.ToServer, request(o, 1, 900, 0, 1, long))
	for range 60 {
		d.Feed(flow.ToServer, request(o, 0, 900, 0, 1, long))
	}
	c := d.Live.List[len(d.Live.List)-1].(*Transaction).Call
	if len(c.Sides[0].Stub) != StubMax || c.Sides[0].StubBytes != 61*4000 {
		t.Errorf("stub of %d of %d bytes", len(c.Sides[0].Stub), c.Sides[0].StubBytes)
	}
}

// TestHeld opens many calls with much stub data and answers none.
func TestHeld(t *testing.T) {
	o := binary.LittleEndian
	var a Association
	calls := map[*Call]bool{}
	visit := func(c *Call, _ flow.Direction, _ bool) { calls[c] = true }
	long := strings.Repeat("A", 60000)
	for i := range uint32(100) {
		a.Feed(flow.ToServer, request(o, 1, i, 0, 1, long), visit)
		a.Feed(flow.ToServer, request(o, 2, i, 0, 1, long), visit)
		if a.held > heldMax {
			t.Fatalf("%d bytes held", a.held)
		}
	}
	for i := range uint32(100) {
		a.Feed(flow.ToClient, response(o, i, "x"), visit)
	}
	if len(calls) < 100 || a.held != 0 || len(a.calls) != 0 {
		t.Errorf("%d calls seen, %d bytes and %d calls held at the end", len(calls), a.held, len(a.calls))
	}
}

func TestGap(t *testing.T) {
	o := binary.LittleEndian
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, bind(o, 1))
	d.Gap(flow.ToServer, 100)
	d.Feed(flow.ToServer, []byte("the middle of a fragment"))
	d.Feed(flow.ToServer, request(o, 3, 2, 0, 9, "x"))
	if n := len(d.Live.List); n != 2 || d.Live.List[1].(*Transaction).Call.Opnum != 9 {
		t.Errorf("%d transactions", n)
	}
	d.Feed(flow.ToServer, []byte("GET / HTTP/1.1\r\n\r\n"))
	d.Feed(flow.ToServer, request(o, 3, 3, 0, 8, "x"))
	if n := len(d.Live.List); n != 3 || !strings.Contains(d.JSON(), "malformed_data") {
		t.Errorf("%d transactions\n%s", n, d.JSON())
	}
}

// datagram writes a connectionless PDU.
func datagram(kind, flags byte, fragment uint16, body string) []byte {
	o := binary.LittleEndian
	b := make([]byte, datagramBytes)
	b[0], b[1], b[2], b[4] = 4, kind, flags, 0x10
	copy(b[24:], uuid(o, svcctl))
	b[40] = 7
	o.PutUint32(b[60:], 1<<16|2)
	o.PutUint32(b[64:], 5)
	o.PutUint16(b[68:], 31)
	o.PutUint16(b[74:], uint16(len(body)))
	o.PutUint16(b[76:], fragment)
	return slices.Concat(b, []byte(body))
}

func TestDatagrams(t *testing.T) {
	d := prototest.New(New(true))
	one := datagram(Request, flagDGFragment, 0, "ab")
	if m := Recognise(&proto.Probe{Data: one, Datagram: true}); m != proto.Yes {
		t.Errorf("recognised as %d", m)
	}
	for _, b := range [][]byte{one, datagram(Request, flagDGFragment|flagDGLast, 1, "cd"), datagram(Request, flagDGFragment|flagDGLast, 1, "cd")} {
		d.Feed(flow.ToServer, b)
	}
	d.Feed(flow.ToClient, datagram(Response, 0, 0, "ok"))
	if len(d.Live.List) != 1 {
		t.Fatalf("%d transactions", len(d.Live.List))
	}
	c := d.Live.List[0].(*Transaction).Call
	if string(c.Sides[0].Stub) != "abcd" || string(c.Sides[1].Stub) != "ok" || c.Opnum != 31 || c.Interfaces[0].UUID.String() != svcctl ||
		c.Interfaces[0].Major != 2 || c.Interfaces[0].Minor != 1 {
		t.Errorf("%+v", c)
	}
}

func TestRecognise(t *testing.T) {
	o := binary.LittleEndian
	f := func(b []byte, dir flow.Direction, want proto.Match) {
		t.Helper()
		if m := Recognise(&proto.Probe{Data: b, Dir: dir}); m != want {
			t.Errorf("%x: %d, want %d", b[:min(len(b), 16)], m, want)
		}
	}
	f(bind(o, 1), flow.ToServer, proto.Yes)
	f(bind(o, 1), flow.ToClient, proto.Reversed)
	f(bindAck(o, 1, 0), flow.ToServer, proto.Reversed)
	f(bind(o, 1)[:9], flow.ToServer, proto.Maybe)
	f([]byte("\x05\x01\x00\x05\x01\x00\x01\x0a\x00\x00"), flow.ToServer, proto.No) // SOCKS
	f([]byte("\x05\x00\x0b\x03\x10\x00\x00\x00\x0f\x00\x00\x00\x01\x00\x00\x00"), flow.ToServer, proto.No)
}

// TestGolden compares the events of a fixed exchange.
func TestGolden(t *testing.T) {
	o := binary.LittleEndian
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, bind(o, 1))
	d.Feed(flow.ToClient, bindAck(o, 1, 0, 2))
	d.Feed(flow.ToServer, request(o, 3, 2, 0, 15, "open"))
	d.Feed(flow.ToClient, pdu(o, Fault, 3, 2, append(make([]byte, 8), 5, 0, 0, 0, 0, 0, 0, 0)))
	d.End()
	want, err := os.ReadFile("testdata/events.golden")
	if err != nil || !bytes.Equal(want, []byte(d.JSON())) {
		t.Errorf("%v\n%s", err, d.JSON())
	}
}

func FuzzParser(f *testing.F) {
	for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Add(append(append(prototest.Pack(0, string(bind(o, 1))), prototest.Pack(1, string(bindAck(o, 1, 0, 2)))...),
			prototest.Pack(0, string(request(o, 3, 2, 0, 15, "open")))...), false)
	}
	f.Add(prototest.Pack(0, string(datagram(Request, 0, 0, "ab"))), true)
	f.Fuzz(func(t *testing.T, b []byte, udp bool) {
		d := prototest.New(New(udp))
		d.Script(b)
		for _, tx := range d.Live.List {
			if c := tx.(*Transaction).Call; len(c.Sides[0].Stub) > StubMax || len(c.Interfaces) > contextsMax {
				t.Errorf("%d bytes, %d interfaces", len(c.Sides[0].Stub), len(c.Interfaces))
			}
		}
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: udp})
		var a Association
		for _, piece := range bytes.SplitAfter(b, []byte{0x10}) {
			a.Feed(flow.ToServer, piece, func(*Call, flow.Direction, bool) {})
			if len(a.rest[0]) > 65535 || len(a.interfaces) > contextsMax || len(a.calls) > callsMax {
				t.Fatalf("%d bytes, %d interfaces, %d calls held", len(a.rest[0]), len(a.interfaces), len(a.calls))
			}
		}
	})
}
