package snmp

import (
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// tlv is a BER element of less than 128 bytes.
func tlv(id byte, parts ...string) string {
	body := strings.Join(parts, "")
	return string([]byte{id, byte(len(body))}) + body
}

func num(n byte) string { return tlv(2, string([]byte{n})) }

func bind(value string) string {
	return tlv(0x30, tlv(0x30, tlv(6, "\x2b\x06\x01\x02\x01\x01\x01\x00"), value))
}

func get(community string) string {
	return tlv(0x30, num(1), tlv(4, community), tlv(0xa0, num(7), num(0), num(0), bind(tlv(5))))
}

func response() string {
	return tlv(0x30, num(0), tlv(4, "public"), tlv(0xa2, num(7), num(2), num(1), bind(tlv(0x41, "\xff\xff\xff\xff"))))
}

func three(flags, model byte, scoped string) string {
	usm := tlv(0x30, tlv(4, "\x80\x01"), num(1), num(2), tlv(4, "admin"), tlv(4), tlv(4))
	return tlv(0x30, num(3), tlv(0x30, num(9), tlv(2, "\x05\xdc"), tlv(4, string([]byte{flags})), num(model)), tlv(4, usm), scoped)
}

func trap() string {
	return tlv(0x30, num(0), tlv(4, "x"), tlv(0xa4, tlv(6, "\x2b\x06\x01"), tlv(0x40, "\x0a\x00\x00\x01"), num(3), num(0), tlv(0x43, "\x01"), bind(tlv(4, "eth0"))))
}

func TestMessages(t *testing.T) {
	f := func(data string, wants ...string) {
		t.Helper()
		d := prototest.New(New(true))
		d.Feed(flow.ToServer, []byte(data))
		got := d.JSON()
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s is not in %s", want, got)
			}
		}
	}
	f(get("secret"), `"fengsui.snmp.version":2`, `community":"secret"`, `pdu_type":"get_request"`, `request_id":7`, `vars":["1.3.6.1.2.1.1.1.0"]}`)
	f(response(), `version":1`, `pdu_type":"response"`, `"event.outcome":"failure"`, `error":"noSuchName"`, `values":["4294967295"]`)
	f(trap(), `trap_v1`, `trap_type":"linkUp"`, `trap_oid":"1.3.6.1"`, `trap_address":"10.0.0.1"`, `values":["eth0"]`)
	f(three(0, 3, tlv(0x30, tlv(4), tlv(4, "ctx"), tlv(0xa8, num(7), num(0), num(0), bind(tlv(6, "\x2b\x06"))))), `version":3`, `usm":"admin"`, `engine_id":"8001"`,
		`context_name":"ctx"`, `pdu_type":"report"`, `encrypted":false`, `values":["1.3.6"]`)
	f(three(3, 3, tlv(4, "cipher")), `encrypted":true`, `usm":"admin"`)
	f(three(0, 9, tlv(4, "?")), `unknown_security_model`)
	f(tlv(0x30, num(1), tlv(4, "x"), tlv(0xa0, num(7))), `malformed_data`, `community":"x"`)
	f("rubbish", `malformed_data`)
}

func TestVersionMismatch(t *testing.T) {
	d := prototest.New(New(true))
	d.Feed(flow.ToServer, []byte(get("a")))
	d.Feed(flow.ToClient, []byte(response()))
	if got := d.Live.List[1].Base().Anomalies; len(got) != 1 || got[0] != "version_mismatch" || len(d.Live.List[0].Base().Anomalies) != 0 {
		t.Error(got)
	}
}

func TestBindingsAreBounded(t *testing.T) {
	one := tlv(0x30, tlv(6, "\x2b\x06"), tlv(5))
	many := strings.Repeat(one, bindingsMax+5)
	wrap := func(id byte, body string) string {
		return string([]byte{id, 0x82, byte(len(body) >> 8), byte(len(body))}) + body
	}
	var m Message
	if !m.parse([]byte(wrap(0x30, num(1)+tlv(4, "x")+wrap(0xa0, num(1)+num(0)+num(0)+wrap(0x30, many))))) || len(m.Bindings) != bindingsMax || !m.Cut {
		t.Errorf("%d bindings", len(m.Bindings))
	}
}

func TestRecognise(t *testing.T) {
	f := func(data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Data: []byte(data), Datagram: true, ServerPort: 1161}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(get("public"), proto.Yes)
	f(three(0, 3, ""), proto.Yes)
	f(get("public")+"x", proto.No)
	f(tlv(0x30, num(2), tlv(4, "x")), proto.No)
	f(tlv(0x30, num(1), num(4)), proto.No)
	f("", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add([]byte(get("public")))
	f.Add([]byte(response()))
	f.Add([]byte(trap()))
	f.Add([]byte(three(3, 3, tlv(4, "cipher"))))
	f.Add([]byte(three(0, 3, tlv(0x30, tlv(4), tlv(4, "ctx"), tlv(0xa8, num(7), num(0), num(0), bind(tlv(6, "\x2b\x06")))))))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(true))
		d.Feed(flow.ToServer, b)
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: true})
	})
}
