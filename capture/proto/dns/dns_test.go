package dns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// builder writes messages for tests.
type builder struct{ b []byte }

func message(id, flags uint16, qd, an, ns, ar int) *builder {
	w := &builder{}
	w.u16(id, flags, uint16(qd), uint16(an), uint16(ns), uint16(ar))
	return w
}

func (w *builder) u16(v ...uint16) *builder {
	for _, n := range v {
		w.b = binary.BigEndian.AppendUint16(w.b, n)
	}
	return w
}

func (w *builder) name(s string) *builder {
	for _, l := range strings.Split(s, ".") {
		if l != "" {
			w.b = append(append(w.b, byte(len(l))), l...)
		}
	}
	w.b = append(w.b, 0)
	return w
}

func (w *builder) raw(b ...byte) *builder {
	w.b = append(w.b, b...)
	return w
}

func (w *builder) question(name string, kind uint16) *builder { return w.name(name).u16(kind, 1) }

// record writes a record whose name points at the first question.
func (w *builder) record(kind uint16, ttl uint32, data ...byte) *builder {
	w.raw(0xc0, 12).u16(kind, 1, uint16(ttl>>16), uint16(ttl), uint16(len(data)))
	return w.raw(data...)
}

func labels(s string) []byte { return (&builder{}).name(s).b }

func query() []byte { return message(7, 0x0100, 1, 0, 0, 0).question("www.example.com", TypeA).b }

func answer() []byte {
	soa := append(append(labels("ns.example.com"), labels("root.example.com")...), 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5)
	return message(7, 0x8180, 1, 6, 1, 1).question("www.example.com", TypeA).
		record(TypeCNAME, 60, 5, 'a', 'l', 'i', 'a', 's', 0xc0, 16).
		record(TypeA, 60, 1, 2, 3, 4).
		record(TypeAAAA, 60, append([]byte{0x20, 1, 0xd, 0xb8}, make([]byte, 12)...)...).
		record(TypeMX, 60, 0, 10, 2, 'm', 'x', 0xc0, 16).
		record(TypeTXT, 60, 3, 'a', 'b', 'c', 2, 'd', 'e').
		record(TypeSRV, 60, append([]byte{0, 1, 0, 2, 0, 80}, labels("srv.host")...)...).
		record(TypeSOA, 3600, soa...).
		raw(0).u16(TypeOPT, 1232, 0x0100, 0, 0).b
}

func TestParse(t *testing.T) {
	var m Message
	anomalies, err := m.Parse(answer())
	if err != nil || len(anomalies) != 0 {
		t.Fatal(err, anomalies)
	}
	if m.MsgID != 7 || !m.Response || m.Opcode != 0 || m.RCode != 16 || len(m.Answers) != 6 || len(m.Authorities) != 1 || len(m.Additionals) != 1 {
		t.Errorf("%+v", m)
	}
	want := []string{"alias.example.com", "1.2.3.4", "2001:db8::", "mx.example.com", "abcde", "1 2 80 srv.host"}
	for i, r := range m.Answers {
		if string(r.Name) != "www.example.com" || string(r.Data) != want[i] {
			t.Errorf("answer %d: %q %q, want %q", i, r.Name, r.Data, want[i])
		}
	}
	if got := string(m.Authorities[0].Data); got != "ns.example.com root.example.com 1 2 3 4 5" {
		t.Errorf("SOA: %q", got)
	}
}

func TestMalformed(t *testing.T) {
	var m Message
	for n := range headerBytes {
		if _, err := m.Parse(query()[:n]); !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for n := headerBytes; n < len(query()); n++ {
		if _, err := m.Parse(query()[:n]); !errors.Is(err, ErrQuestions) {
			t.Errorf("%d bytes of a query: %v", n, err)
		}
	}
	whole := answer()
	for n := len(query()); n < len(whole); n++ {
		a, err := m.Parse(whole[:n])
		if err != nil || !slices.Contains(a, "malformed_data") || string(m.Questions[0].Name) != "www.example.com" {
			t.Errorf("%d bytes of an answer: %v %v", n, err, a)
		}
	}
	f := func(name, want string, b []byte) {
		t.Helper()
		if a, err := m.Parse(b); err != nil || !slices.Contains(a, want) {
			t.Errorf("%s: %v %v", name, err, a)
		}
	}
	f("a name that points at itself", "infinite_loop", message(1, 0, 1, 0, 0, 0).raw(1, 'a', 0xc0, 12).u16(1, 1).b)
	long := message(1, 0, 1, 0, 0, 0)
	for range 30 {
		long.raw(append([]byte{63}, bytes.Repeat([]byte("x"), 63)...)...)
	}
	f("a name of 1900 bytes", "name_too_long", long.raw(0).u16(1, 1).b)
	f("reserved bit", "z_flag_set", message(1, 0x0040, 1, 0, 0, 0).question("a.b", 1).b)
	f("operation", "invalid_opcode", message(1, 0x4800, 1, 0, 0, 0).question("a.b", 1).b)
	if _, err := m.Parse(message(1, 0, 0xffff, 0xffff, 0xffff, 0xffff).b); err == nil {
		t.Error("65535 questions in no bytes were read")
	}
}

func TestGolden(t *testing.T) {
	d := prototest.New(New(true))
	d.Feed(flow.ToServer, query())
	d.Parser.(*Parser).datagram = true
	d.Feed(flow.ToClient, answer())
	want := `{"@timestamp":"0001-01-01T00:00:00.000000000Z","event.dataset":"dns","event.category":"network","dns.type":"query","dns.id":"7","dns.op_code":"QUERY",` +
		`"dns.header_flags":["RD"],"dns.question.name":"www.example.com","dns.question.type":"A","dns.question.class":"IN"}
{"@timestamp":"0001-01-01T00:00:00.000000000Z","event.dataset":"dns","event.category":"network","dns.type":"answer","dns.id":"7","dns.op_code":"QUERY",` +
		`"dns.header_flags":["RD","RA"],"dns.question.name":"www.example.com","dns.question.type":"A","dns.question.class":"IN","dns.response_code":"BADVERS",` +
		`"dns.answers.name":["www.example.com","www.example.com","www.example.com","www.example.com","www.example.com","www.example.com"],` +
		`"dns.answers.type":["CNAME","A","AAAA","MX","TXT","SRV"],"dns.answers.data":["alias.example.com","1.2.3.4","2001:db8::","mx.example.com","abcde","1 2 80 srv.host"],` +
		`"dns.answers.ttl":[60,60,60,60,60,60],"dns.resolved_ip":["1.2.3.4","2001:db8::"]}
`
	if got := d.JSON(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func framed(b []byte) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(b)))) + string(b)
}

func TestTCP(t *testing.T) {
	stream := framed(query()) + framed(query()) + framed(answer())
	for cut := range stream {
		d := prototest.New(New(false))
		d.Feed(flow.ToServer, []byte(stream[:cut]))
		d.Feed(flow.ToServer, []byte(stream[cut:]))
		if len(d.Live.List) != 3 {
			t.Fatalf("cut at %d: %d messages", cut, len(d.Live.List))
		}
		if a := d.Live.List[2].Base().Anomalies; !slices.Contains(a, "not_a_request") {
			t.Errorf("an answer from the client: %v", a)
		}
	}
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, []byte(stream[:40]))
	d.Gap(flow.ToServer, 26)
	d.Feed(flow.ToServer, []byte(framed(query())))
	if len(d.Live.List) != 2 {
		t.Errorf("%d messages around a hole", len(d.Live.List))
	}
}

func TestRecognise(t *testing.T) {
	f := func(name string, r proto.Recogniser, p proto.Probe, want proto.Match) {
		t.Helper()
		if got := r(&p); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("port 53", RecogniseDNS, proto.Probe{Data: query(), Datagram: true, ServerPort: 53}, proto.Yes)
	f("any port", RecogniseDNS, proto.Probe{Data: query(), Datagram: true, ServerPort: 5300}, proto.Yes)
	f("any port, more behind", RecogniseDNS, proto.Probe{Data: append(query(), 0), Datagram: true, ServerPort: 5300}, proto.No)
	f("LLMNR", RecogniseDNS, proto.Probe{Data: query(), Datagram: true, ServerPort: 5355}, proto.No)
	f("mdns", RecogniseMDNS, proto.Probe{Data: query(), Datagram: true, ServerPort: 5353}, proto.Yes)
	f("noise on 53", RecogniseDNS, proto.Probe{Data: []byte("GET / HTTP/1.1\r\n\r\n"), Datagram: true, ServerPort: 53}, proto.No)
	f("tcp", RecogniseDNS, proto.Probe{Data: []byte(framed(query())), ServerPort: 53}, proto.Yes)
	f("tcp, first bytes", RecogniseDNS, proto.Probe{Data: []byte(framed(query())[:6]), ServerPort: 53}, proto.Maybe)
	f("tcp, other port", RecogniseDNS, proto.Probe{Data: []byte(framed(query())), ServerPort: 99}, proto.Yes)
}

func TestAnomalyNames(t *testing.T) {
	literal := regexp.MustCompile(`(?:Anomaly\(|append\(list, )"([a-z0-9_]+)"`)
	for _, name := range []string{"message.go", "parser.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllSubmatch(b, -1) {
			if !slices.Contains(Anomalies, string(m[1])) {
				t.Errorf("%s: %s is not in Anomalies", name, m[1])
			}
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(query())
	f.Add(answer())
	f.Add(message(1, 0, 1, 0, 0, 0).raw(1, 'a', 0xc0, 12).u16(1, 1).b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		if _, err := m.Parse(b); err != nil {
			return
		}
		for _, q := range m.Questions {
			if len(q.Name) > nameBytesMax {
				t.Fatalf("name of %d bytes", len(q.Name))
			}
		}
		for _, s := range [][]Record{m.Answers, m.Authorities, m.Additionals} {
			for _, r := range s {
				if len(r.Name) > nameBytesMax || len(r.Data) > 4*nameBytesMax+len(b) {
					t.Fatalf("record of %d and %d bytes", len(r.Name), len(r.Data))
				}
			}
		}
		plausible(b, true)
	})
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(flow.ToServer, framed(query())), prototest.Pack(flow.ToClient, framed(answer()))...))
	f.Add(append(append(prototest.Pack(flow.ToServer, framed(query())[:9]), 0x1e, 9), prototest.Pack(flow.ToServer, framed(query()))...))
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
	})
}
