package ntp

import (
	"encoding/binary"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

func server() []byte {
	b := make([]byte, headerBytes)
	b[0], b[1], b[2], b[3] = 4<<3|ModeServer, 1, 6, 0xe9
	copy(b[12:], "GPS")
	binary.BigEndian.PutUint64(b[40:], 0xe5000000_80000000)
	return b
}

func TestMessages(t *testing.T) {
	f := func(b []byte, wants ...string) {
		t.Helper()
		d := prototest.New(New(true))
		d.Feed(flow.ToClient, b)
		got := d.JSON()
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s is not in %s", want, got)
			}
		}
	}
	f(server(), `"fengsui.ntp.version":4`, `mode":"server"`, `stratum":1`, `poll":6`, `precision":-23`, `reference_id":"GPS"`, `2021-09-30T09:21:04.5`)
	f(append(server(), 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), `key_id":7`)
	f(append(server(), "\x00\x04\x00\x1c........................\x00\x00\x00\x09"...), `key_id":9`)
	f([]byte("\x16\x82\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03a=1"), `mode":"control"`, `response":true`, `op_code":"read_variables"`, `data":"a=1"`)
	f([]byte("\x17\x00\x03\x2a\x00\x00\x00\x00"), `mode":"private"`, `request_code":42`)
	f([]byte("\x23short"), `malformed_data`)
	stratum2 := server()
	stratum2[1] = 2
	copy(stratum2[12:], []byte{10, 0, 0, 1})
	f(stratum2, `reference_id":"10.0.0.1"`)
}

func TestRecognise(t *testing.T) {
	f := func(port uint16, b []byte, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Data: b, Datagram: true, ServerPort: port}); got != want {
			t.Errorf("%x: %v, want %v", b, got, want)
		}
	}
	f(123, server(), proto.Yes)
	f(5123, server(), proto.Yes)
	f(5123, make([]byte, 48), proto.No)
	f(123, []byte("\x17\x00\x03\x2a\x00\x00\x00\x00"), proto.Yes)
	f(123, nil, proto.No)
	f(123, []byte("GET / HTTP/1.1"), proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(server())
	f.Add(append(server(), "\x00\x04\x00\x10............\x00\x00\x00\x09"...))
	f.Add([]byte("\x16\x82\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03a=1"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := prototest.New(New(true))
		d.Feed(flow.ToServer, b)
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: true})
	})
}
