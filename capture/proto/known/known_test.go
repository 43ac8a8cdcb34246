package known

import (
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

func TestRecognisers(t *testing.T) {
	const ts, tc = flow.ToServer, flow.ToClient
	f := func(name string, r proto.Recogniser, dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := r(&proto.Probe{Dir: dir, ServerPort: port, ClientPort: 50000, Data: []byte(data)}); got != want {
			t.Errorf("%s %q: %v, want %v", name, data, got, want)
		}
	}
	f("irc", IRC, ts, 6667, "NICK me\r\n", proto.Yes)
	f("rdp", RDP, ts, 3390, "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01", proto.Yes)
	f("s7", RDP, ts, 102, "\x03\x00\x00\x16\x11\xe0\x00\x00\x00\x01\x00\xc1", proto.No)
	f("mqtt", MQTT, ts, 18830, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", proto.Yes)
	f("modbus", Modbus, ts, 502, "\x00\x01\x00\x00\x00\x06\x01\x03", proto.Yes)
	f("modbus", Modbus, ts, 503, "\x00\x01\x00\x00\x00\x06\x01\x03", proto.No)
	f("mysql", MySQL, tc, 3306, "\x4a\x00\x00\x00\x0a8.0.30\x00rest", proto.Yes)
	f("pgsql", PgSQL, ts, 5432, "\x00\x00\x00\x08\x04\xd2\x16\x2f", proto.Yes)
	f("redis", Redis, ts, 6379, "*1\r\n$4\r\nPING\r\n", proto.Yes)
	f("redis", Redis, ts, 6379, "*x", proto.No)
	f("http2", HTTP2, ts, 80, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", proto.Yes)
	f("tlcp", TLCP, ts, 443, "\x16\x01\x01\x00\x30\x01", proto.Yes)
	f("snmp", SNMP, ts, 161, "\x30\x26\x02\x01\x01\x04\x06public", proto.Yes)
	f("ntp", NTP, ts, 123, "\x23"+strings.Repeat("\x00", 47), proto.Yes)
	f("tftp", TFTP, ts, 69, "\x00\x01file\x00octet\x00", proto.Yes)
	f("quic", QUIC, ts, 443, "\xc3\x00\x00\x00\x01\x08abcdefgh", proto.Yes)
	f("dht", DHT, ts, 6881, "d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe", proto.Yes)
}

// FuzzAll asks every recogniser about the same bytes: none may panic.
func FuzzAll(f *testing.F) {
	f.Add([]byte("220 mail ESMTP\r\n"), uint16(25), false)
	f.Add([]byte("\x30\x84\x00\x00\x00\x10\x02\x01\x01"), uint16(389), true)
	f.Add([]byte("\x10\x80\x80\x01\x00\x04MQTT\x04\x02\x00\x3c"), uint16(1883), false)
	all := []proto.Recogniser{
		RFB, HTTP2, IRC, Redis, DHT, Telnet, RDP, MQTT, Modbus, DNP3, MySQL, PgSQL,
		MSSQL, TNS, MongoDB, TLCP, SNMP, NTP, DHCP, TFTP, IKE, QUIC,
	}
	f.Fuzz(func(_ *testing.T, b []byte, port uint16, datagram bool) {
		for _, r := range all {
			for _, dir := range []flow.Direction{flow.ToServer, flow.ToClient} {
				r(&proto.Probe{Dir: dir, Data: b, ServerPort: port, Datagram: datagram})
			}
		}
	})
}
