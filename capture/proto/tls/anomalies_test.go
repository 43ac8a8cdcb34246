package tls

import (
	"bytes"
	"slices"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto/prototest"
)

// message wraps a handshake message into a record.
func message(kind byte, body []byte) []byte {
	b := append([]byte{kind, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	return append([]byte{recordHandshake, 3, 3, byte(len(b) >> 8), byte(len(b))}, b...)
}

// helloWith is a ClientHello with these extensions.
func helloWith(extensions ...byte) []byte {
	b := append([]byte{3, 3}, make([]byte, 32)...)
	b = append(b, 0, 0, 2, 0xc0, 0x2f, 1, 0, byte(len(extensions)>>8), byte(len(extensions)))
	return message(msgClientHello, append(b, extensions...))
}

// chainOf is a Certificate message of one certificate.
func chainOf(der ...byte) []byte {
	n := len(der)
	return message(msgCertificate, append([]byte{0, 0, byte(n + 3), 0, 0, byte(n)}, der...))
}

func TestOddHandshakes(t *testing.T) {
	f := func(want string, dir flow.Direction, b []byte) {
		t.Helper()
		d := prototest.New(New(false))
		d.Feed(dir, b)
		d.End()
		if got := d.Live.List[0].Base().Anomalies; !slices.Contains(got, want) {
			t.Errorf("%s not noted: %v", want, got)
		}
		if !slices.Contains(Anomalies, want) {
			t.Errorf("%s is not listed", want)
		}
	}
	name := []byte{0, 0, 0, 6, 0, 4, 0, 0, 1, 'a'}
	f("multiple_sni_extensions", flow.ToServer, helloWith(append(bytes.Clone(name), name...)...))
	f("invalid_sni_type", flow.ToServer, helloWith(0, 0, 0, 6, 0, 4, 7, 0, 1, 'a'))
	f("invalid_sni_length", flow.ToServer, helloWith(0, 0, 0, 6, 0, 4, 0, 0, 9, 'a'))
	f("invalid_sni_length", flow.ToServer, helloWith(0, 0, 0, 7, 0, 4, 0, 0, 1, 'a', 'b'))
	f("certificate_invalid_length", flow.ToClient, chainOf(0x30, 0x70, 1, 2))
	f("certificate_missing_element", flow.ToClient, chainOf(0x30, 2, 0x30, 0))
	f("certificate_unknown_element", flow.ToClient, chainOf(0x31, 2, 0x30, 0))
	f("invalid_heartbeat_message", flow.ToServer, []byte{recordHeartbeat, 3, 3, 0, 3, 9, 0, 0})
	f("overflow_heartbeat_message", flow.ToServer, []byte{recordHeartbeat, 3, 3, 0, 3, 1, 0x40, 0})
	f("heartbeat_message", flow.ToServer, []byte{recordHeartbeat, 3, 3, 0, 4, 1, 0, 1, 'x'})
	f("invalid_ssl_record", flow.ToServer, []byte{99, 3, 3, 0, 1, 0})
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, helloWith(name...))
	if got := d.Live.List[0].Base().Anomalies; len(got) != 0 {
		t.Errorf("a good hello: %v", got)
	}
}
