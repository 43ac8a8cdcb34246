package tftp

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/packettest"
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

// TestCaptureFile writes testdata/tftp.pcap when it is absent: a read the server answers from a port of its own, a write it
// refuses.
func TestCaptureFile(t *testing.T) {
	const name = "testdata/tftp.pcap"
	c := packettest.NewCapture()
	client, server, own := netip.MustParseAddrPort("192.168.1.10:50000"), netip.MustParseAddrPort("192.168.1.2:69"), netip.MustParseAddrPort("192.168.1.2:40001")
	c.UDP(client, server, []byte(read))
	c.UDP(own, client, []byte("\x00\x06blksize\x001428\x00tsize\x009\x00"))
	c.UDP(client, own, []byte("\x00\x04\x00\x00"))
	c.UDP(own, client, []byte("\x00\x03\x00\x01some data"))
	c.UDP(client, own, []byte("\x00\x04\x00\x01"))
	client = netip.MustParseAddrPort("192.168.1.10:50001")
	c.UDP(client, server, []byte("\x00\x02etc/startup-config\x00netascii\x00"))
	c.UDP(server, client, []byte("\x00\x05\x00\x02Access violation\x00"))
	want := c.Pcap(binary.LittleEndian, false)
	got, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil || string(got) != string(want) {
		t.Errorf("%s is not what the test builds (%v); remove it to have it written anew", name, err)
	}
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
