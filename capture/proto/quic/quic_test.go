package quic

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const (
	ts = flow.ToServer
	tc = flow.ToClient
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKeys checks the derivation with the examples of RFC 9001 A.1 and RFC 9369 A.1.
func TestKeys(t *testing.T) {
	f := func(version uint32, client, server string) {
		t.Helper()
		k, ok := initialKeys(version, unhex(t, "8394c8f03e515708"))
		if !ok {
			t.Fatal("no keys")
		}
		if got := hex.EncodeToString(k.side[ts].iv[:]); got != client {
			t.Errorf("client iv %s, want %s", got, client)
		}
		if got := hex.EncodeToString(k.side[tc].iv[:]); got != server {
			t.Errorf("server iv %s, want %s", got, server)
		}
	}
	f(version1, "fa044b2f42a3fd3b46fb255c", "0ac1493ca1905853b0bba03e")
	f(version2, "91f73e2351d8fa91660e909f", "dd13c276499c0249d3310652")
}

// hello is a ClientHello with its message header.
func hello(name string) []byte {
	sni := append([]byte{0, 0, 0, byte(len(name) + 5), 0, byte(len(name) + 3), 0, 0, byte(len(name))}, name...)
	ext := append(sni, 0, 16, 0, 5, 0, 3, 2, 'h', '3', 0, 43, 0, 3, 2, 3, 4)
	b := append([]byte{3, 3}, make([]byte, 32)...)
	b = append(b, 0, 0, 4, 0x13, 1, 0x13, 2, 1, 0, byte(len(ext)>>8), byte(len(ext)))
	b = append(b, ext...)
	return append([]byte{clientHello, 0, byte(len(b) >> 8), byte(len(b))}, b...)
}

// crypto is a CRYPTO frame.
func crypto(at int, b []byte) []byte {
	return append([]byte{6, 0x40 | byte(at>>8), byte(at), 0x40 | byte(len(b)>>8), byte(len(b))}, b...)
}

// seal makes an Initial packet of the client.
func seal(t testing.TB, version uint32, id, frames []byte, number byte) []byte {
	t.Helper()
	k, ok := initialKeys(version, id)
	if !ok {
		t.Fatal("no keys")
	}
	frames = append(frames, make([]byte, max(0, 40-len(frames)))...)
	first := byte(0xc0)
	if version == version2 {
		first = 0xd0
	}
	b := be.AppendUint32([]byte{first}, version)
	b = append(b, byte(len(id)))
	b = append(b, id...)
	b = append(b, 0, 0) // no source ID, no token
	n := 1 + len(frames) + 16
	b = append(b, 0x40|byte(n>>8), byte(n))
	at := len(b)
	b = append(b, number)
	s := &k.side[ts]
	nonce := s.iv
	nonce[11] ^= number
	b = s.seal.Seal(b, nonce[:], frames, b)
	var mask [16]byte
	s.header.Encrypt(mask[:], b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	b[at] ^= mask[1]
	return b
}

func list(d *prototest.Driver) []*Transaction {
	var out []*Transaction
	for _, tx := range d.Live.List {
		out = append(out, tx.(*Transaction))
	}
	return out
}

func TestHelloInOneAndInSeveralPackets(t *testing.T) {
	id := []byte("\x01\x02\x03\x04\x05\x06\x07\x08")
	h := hello("www.example.cn")
	for _, version := range []uint32{version1, version2, 0xff00001d, 0xff00001b, 0xff000016, 0xff000012} {
		d := prototest.New(New(true))
		d.Feed(ts, seal(t, version, id, crypto(0, h), 0))
		x := list(d)
		if len(x) != 1 || string(x[0].SNI) != "www.example.cn" || !strings.HasPrefix(x[0].Client.JA4, "q13d0203h3_") {
			t.Fatalf("version %x: %+v", version, x[0])
		}
		d = prototest.New(New(true)) // pieces out of order, two in one packet, one in another
		d.Feed(ts, seal(t, version, id, append(crypto(60, h[60:]), crypto(20, h[20:40])...), 0))
		d.Feed(ts, seal(t, version, id, append(crypto(0, h[:20]), crypto(40, h[40:60])...), 1))
		x = list(d)
		if len(x) != 2 || x[0].Client != nil || string(x[1].SNI) != "www.example.cn" {
			t.Fatalf("version %x in pieces: %d packets", version, len(x))
		}
	}
}

func TestOddities(t *testing.T) {
	id := []byte("\x01\x02\x03\x04\x05\x06\x07\x08")
	f := func(want string, packets ...[]byte) {
		t.Helper()
		d := prototest.New(New(true))
		for _, b := range packets {
			d.Feed(ts, b)
		}
		x := list(d)
		if len(x) == 0 || !slices.Contains(x[len(x)-1].Anomalies, want) {
			t.Errorf("%s not noted", want)
		}
		if !slices.Contains(Anomalies, want) {
			t.Errorf("%s is not listed", want)
		}
	}
	bad := seal(t, version1, id, crypto(0, hello("a")), 0)
	bad[len(bad)-1] ^= 1
	f("failed_decrypt", bad)
	f("error_on_data", seal(t, version1, id, []byte{0x3f, 1, 2}, 0))
	f("error_on_data", seal(t, version1, id, []byte{6, 0, 0x7f, 0xff}, 0))
	f("crypto_frag_too_long", seal(t, version1, id, append([]byte{6, 0x80, 1, 0, 0, 1}, 'x'), 0))
	f("error_on_header", be.AppendUint32([]byte{0xc0}, version1), append(be.AppendUint32([]byte{0xc0}, version1), 8, 1, 2))
}

func TestVersionNegotiation(t *testing.T) {
	id := []byte("\x01\x02\x03\x04\x05\x06\x07\x08")
	d := prototest.New(New(true))
	d.Feed(ts, seal(t, 0xff00001c, id, crypto(0, hello("a.example")), 0))
	d.Feed(tc, append([]byte{0x80, 0, 0, 0, 0, 0, 8}, append(id, 0xff, 0, 0, 0x1b)...))
	d.Feed(ts, seal(t, 0xff00001b, id, crypto(0, hello("b.example")), 0))
	x := list(d)
	if len(x) != 3 || string(x[2].SNI) != "b.example" || x[1].VersionName() != "0" || x[0].VersionName() != "ff00001c" {
		t.Errorf("%d packets", len(x))
	}
}

func TestGoogle(t *testing.T) {
	b := []byte("\x09\x01\x02\x03\x04\x05\x06\x07\x08Q043\x01")
	b = append(b, make([]byte, 12)...)
	b = append(b, 0xa0, 1, 4, 0)
	b = append(b, "CHLO\x04\x00\x00\x00PAD\x00\x04\x00\x00\x00SNI\x00\x0d\x00\x00\x00VER\x00\x11\x00\x00\x00UAID\x15\x00\x00\x00----a.exampleQ043agent"...)
	if m := Recognise(&proto.Probe{Data: b, Datagram: true, ServerPort: 443}); m != proto.Yes {
		t.Errorf("recognised: %v", m)
	}
	d := prototest.New(New(true))
	d.Feed(ts, b)
	x := list(d)[0]
	if string(x.SNI) != "a.example" || x.CYU != "43,PAD-SNI-VER-UAID" || !bytes.Equal(x.Version[:], []byte("Q043")) || string(x.UserAgent) != "agen" {
		t.Errorf("%q %q %q", x.SNI, x.CYU, x.UserAgent)
	}
}

func TestRecognise(t *testing.T) {
	f := func(want proto.Match, b []byte) {
		t.Helper()
		if got := Recognise(&proto.Probe{Data: b, Datagram: true, ServerPort: 443}); got != want {
			t.Errorf("%x: %v, want %v", b[:8], got, want)
		}
	}
	f(proto.Yes, seal(t, version1, []byte("12345678"), crypto(0, hello("a")), 0))
	f(proto.No, []byte("\xc0\x12\x34\x56\x78\x08aaaaaaaaaaaa"))
	f(proto.No, []byte("\x40\x00\x00\x00\x01\x08aaaaaaaaaaaa"))
}

func FuzzParser(f *testing.F) {
	id := []byte("\x01\x02\x03\x04\x05\x06\x07\x08")
	h := hello("www.example.cn")
	f.Add(seal(f, version1, id, crypto(0, h), 0), true)
	f.Add(append(crypto(60, h[60:]), crypto(0, h[:60])...), false)
	f.Add([]byte("\x09\x01\x02\x03\x04\x05\x06\x07\x08Q043\x01 CHLO\x01\x00\x00\x00PAD\x00\x04\x00\x00\x00"), true)
	f.Fuzz(func(t *testing.T, b []byte, raw bool) {
		d := prototest.New(New(true))
		if !raw && len(b) < 1200 { // behind the encryption, where no fuzzer comes by itself
			b = seal(t, version1, id, b, 0)
		}
		d.Feed(ts, b)
		d.Feed(tc, b)
		d.JSON()
	})
}
