package tftp

import (
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const read = "\x00\x01boot/pxe.0\x00OCTET\x00blksize\x001428\x00tsize\x000\x00"

func TestRequest(t *testing.T) {
	d := prototest.New(New(true))
	d.Feed(flow.ToServer, []byte(read))
	d.Feed(flow.ToClient, []byte("\x00\x03\x00\x01data"))
	d.Feed(flow.ToServer, []byte("\x00\x04\x00\x01"))
	d.Feed(flow.ToServer, []byte("\x00\x02up\x00netascii\x00"))
	d.Feed(flow.ToClient, []byte("\x00\x05\x00\x02Access violation\x00"))
	got := strings.Split(d.JSON(), "\n")
	for i, wants := range [][]string{
		{`packet":"read"`, `file":"boot/pxe.0"`, `mode":"octet"`, `["blksize=1428","tsize=0"]`, `blocks":1`},
		{`packet":"write"`, `file":"up"`, `"event.outcome":"failure"`, `error_code":2`, `Access violation"`},
	} {
		for _, want := range wants {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s is not in %s", want, got[i])
			}
		}
	}
	for _, tx := range d.Live.List {
		if !tx.Complete(flow.ToServer) || !tx.Complete(flow.ToClient) {
			t.Errorf("%+v is not complete", tx)
		}
	}
}

func TestRecognise(t *testing.T) {
	f := func(data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Data: []byte(data), Datagram: true, ServerPort: 6969}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(read, proto.Yes)
	f(read+"x", proto.No)
	f("\x00\x01\x00octet\x00", proto.No)
	f("\x00\x01file\x00binary\x00", proto.No)
	f("\x00\x03\x00\x01data.....", proto.No)
	f("", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(0, read), prototest.Pack(1, "\x00\x05\x00\x02no\x00")...))
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := prototest.New(New(true))
		d.Script(b)
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: true})
	})
}
