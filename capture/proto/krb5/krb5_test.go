package krb5

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// el writes an element.
func el(id byte, parts ...string) string {
	body := strings.Join(parts, "")
	if len(body) < 0x80 {
		return string([]byte{id, byte(len(body))}) + body
	}
	return string([]byte{id, 0x82, byte(len(body) >> 8), byte(len(body))}) + body
}

func num(tag, n byte) string { return el(0xa0|tag, el(2, string([]byte{n}))) }

func principal(tag byte, parts ...string) string {
	var list []string
	for _, p := range parts {
		list = append(list, el(0x1b, p))
	}
	return el(0xa0|tag, el(0x30, num(0, 1), el(0xa1, el(0x30, list...))))
}

func asReq() string {
	return el(0x6a, el(0x30, num(1, 5), num(2, ASRequest), el(0xa4, el(0x30, principal(1, "alice"), el(0xa2, el(0x1b, "CORP")),
		principal(3, "krbtgt", "CORP"), num(7, 9), el(0xa8, el(0x30, el(2, "\x12"), el(2, "\x17"), el(2, "\xff\x7b")))))))
}

func encrypted(tag, etype byte) string {
	return el(0xa0|tag, el(0x30, num(0, etype), el(0xa2, el(4, "cipher"))))
}

func asRep(ticket, etype byte) string {
	return el(0x6b, el(0x30, num(0, 5), num(1, ASReply), el(0xa3, el(0x1b, "CORP")), principal(4, "alice"),
		el(0xa5, el(0x61, el(0x30, num(0, 5), el(0xa1, el(0x1b, "CORP")), principal(2, "krbtgt", "CORP"), encrypted(3, ticket)))), encrypted(6, etype)))
}

func failure(code byte) string {
	return el(0x7e, el(0x30, num(0, 5), num(1, Error), num(6, code), el(0xa9, el(0x1b, "CORP")), principal(10, "krbtgt", "CORP"), el(0xab, el(0x1b, "why"))))
}

// marked puts the length of TCP in front.
func marked(m string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...)
}

func TestGolden(t *testing.T) {
	d := prototest.New(New(false))
	m := marked(asReq())
	d.Feed(flow.ToServer, m[:7])
	d.Feed(flow.ToServer, m[7:])
	d.Feed(flow.ToClient, append(marked(failure(25)), marked(asRep(18, 23))...))
	d.End()
	want, err := os.ReadFile("testdata/events.golden")
	if err != nil || string(want) != d.JSON() {
		t.Errorf("%v\n%s", err, d.JSON())
	}
	if !slices.Contains(d.Live.List[2].Base().Anomalies, "weak_encryption") || d.Live.List[1].(*Transaction).Failed != ASRequest {
		t.Error("weak encryption or failed request not noted")
	}
}

func TestDatagram(t *testing.T) {
	d := prototest.New(New(true))
	d.Feed(flow.ToServer, []byte(asReq()))
	d.Feed(flow.ToClient, []byte(asRep(18, 18)))
	d.Feed(flow.ToClient, []byte("\x6b\x03abc"))
	q, r := d.Live.List[0].(*Transaction), d.Live.List[1].(*Transaction)
	if !slices.Equal(q.Offered, []int32{18, 23, -133}) || string(q.Server[1]) != "CORP" || len(r.Anomalies) != 0 || !r.HasEncrypted {
		t.Errorf("%+v %+v", q, r)
	}
	if a := d.Live.List[2].Base().Anomalies; !slices.Contains(a, "malformed_data") {
		t.Errorf("%v", a)
	}
}

// TestCut cuts a message at every place: none may panic, and none but the whole may read as one.
func TestCut(t *testing.T) {
	for _, whole := range []string{asReq(), asRep(18, 18), failure(6)} {
		for n := range whole {
			var m Message
			if err := m.Parse([]byte(whole[:n])); err == nil {
				t.Errorf("%d of %d bytes read", n, len(whole))
			}
		}
	}
}

func TestGap(t *testing.T) {
	d := prototest.New(New(false))
	m := marked(asReq())
	d.Feed(flow.ToServer, m[:20])
	d.Gap(flow.ToServer, int64(len(m)-20)) // exactly the rest: the next message is in its place
	d.Feed(flow.ToServer, m)
	d.Gap(flow.ToServer, 500)
	d.Feed(flow.ToServer, []byte("in the middle of something"))
	d.Feed(flow.ToServer, m)
	if n := len(d.Live.List); n != 2 {
		t.Errorf("%d transactions\n%s", n, d.JSON())
	}
	d.Feed(flow.ToServer, []byte{0, 4, 0, 0}) // longer than we read: passed over
	d.Feed(flow.ToServer, make([]byte, 4<<16))
	d.Feed(flow.ToServer, m)
	if n := len(d.Live.List); n != 4 || !strings.Contains(d.JSON(), "malformed_data") {
		t.Errorf("%d transactions\n%s", n, d.JSON())
	}
}

func TestRecognise(t *testing.T) {
	f := func(b string, dir flow.Direction, udp bool, port uint16, want proto.Match) {
		t.Helper()
		if m := Recognise(&proto.Probe{Data: []byte(b), Dir: dir, Datagram: udp, ServerPort: port}); m != want {
			t.Errorf("%x: %d, want %d", b[:min(len(b), 16)], m, want)
		}
	}
	f(asReq(), flow.ToServer, true, 88, proto.Yes)
	f(asReq(), flow.ToClient, true, 88, proto.Reversed)
	f(string(marked(asReq())), flow.ToServer, false, 8888, proto.Yes)
	f(string(marked(asRep(1, 1))), flow.ToClient, false, 88, proto.Yes)
	f(string(marked(asReq())[:8]), flow.ToServer, false, 88, proto.Maybe)
	f(string(marked(asReq())[:8]), flow.ToServer, false, 99, proto.No)
	f("\x30\x0c\x02\x01\x01\x60\x07", flow.ToServer, true, 88, proto.No)
}

func TestNames(t *testing.T) {
	for _, name := range []string{"rc4-hmac", "aes256-cts-hmac-sha1-96", "rc4-hmac-old"} {
		if n, ok := EncryptionByName(name); !ok || EncryptionName(n) != name || Weak(n) != strings.HasPrefix(name, "rc4") {
			t.Errorf("%s: %d %v", name, n, ok)
		}
	}
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(0, string(marked(asReq()))), prototest.Pack(1, string(marked(asRep(18, 23))))...), false)
	f.Add(prototest.Pack(1, string(marked(failure(25)))), false)
	f.Add(prototest.Pack(0, asReq()), true)
	f.Fuzz(func(_ *testing.T, b []byte, udp bool) {
		d := prototest.New(New(udp))
		d.Script(b)
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: udp, ServerPort: 88})
	})
}
