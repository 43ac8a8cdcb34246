package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// tap copies what each side sends.
type tap struct {
	net.Conn
	sent *bytes.Buffer
}

func (t tap) Write(b []byte) (int, error) {
	t.sent.Write(b)
	return t.Conn.Write(b)
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xabcdef), NotBefore: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: time.Date(2051, 1, 1, 0, 0, 0, 0, time.UTC),
		Subject:  pkix.Name{Country: []string{"CN"}, Organization: []string{"烽燧"}, CommonName: "server.example"},
		DNSNames: []string{"server.example", "www.server.example"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// record makes a real handshake over a pipe with crypto/tls and returns what each side sent.
func record(t testing.TB, version uint16) (client, server []byte, cert tls.Certificate) {
	t.Helper()
	cert = certificate(t)
	a, b := net.Pipe()
	var fromClient, fromServer bytes.Buffer
	done := make(chan error, 1)
	go func() {
		s := tls.Server(tap{b, &fromServer}, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}})
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte("secret answer"))
		}
		done <- err
	}()
	c := tls.Client(tap{a, &fromClient}, &tls.Config{InsecureSkipVerify: true, ServerName: "Server.Example", MinVersion: version, MaxVersion: version, NextProtos: []string{"h2"}})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	a.Close()
	b.Close()
	return fromClient.Bytes(), fromServer.Bytes(), cert
}

func TestRealHandshakes(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client, server, cert := record(t, version)
		d := prototest.New(New(false))
		for i := range client { // byte by byte
			d.Feed(flow.ToServer, client[i:i+1])
		}
		d.Feed(flow.ToClient, server)
		x := d.Live.List[0].(*Transaction)
		if string(x.Client.SNI) != "Server.Example" || len(x.Client.ALPN) != 1 || string(x.Client.ALPN[0]) != "h2" || x.Version != version || !x.Established {
			t.Errorf("%x: %+v", version, x)
		}
		if d.Verdict != proto.Stop || !x.Complete(flow.ToServer) || !x.Complete(flow.ToClient) {
			t.Errorf("%x: verdict %v, progress %v", version, d.Verdict, x.progress)
		}
		if len(x.Client.JA3Hash) != 32 || len(x.Server.JA3SHash) != 32 || !regexp.MustCompile(`^t1[23]d\d{4}h2_[0-9a-f]{12}_[0-9a-f]{12}$`).MatchString(x.Client.JA4) {
			t.Errorf("%x: fingerprints %s %s %s", version, x.Client.JA3Hash, x.Server.JA3SHash, x.Client.JA4)
		}
		if version == tls.VersionTLS13 {
			if len(x.Chain[1]) != 0 {
				t.Error("a certificate out of an encrypted handshake")
			}
			continue
		}
		c := x.Chain[flow.ToClient][0]
		if !bytes.Equal(c.DER, cert.Certificate[0]) || c.Subject != "C=CN, O=烽燧, CN=server.example" || c.Issuer != c.Subject || c.Serial != "00:AB:CD:EF" ||
			!c.NotBefore.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || c.NotAfter.Year() != 2051 ||
			!slices.Equal(c.AltNames, []string{"server.example", "www.server.example", "10.0.0.1"}) {
			t.Errorf("certificate: %+v", c)
		}
		if string(x.Server.ALPN) != "h2" || x.Resumed {
			t.Errorf("server: %+v", x.Server)
		}
	}
}

// hello is the ClientHello of the example in JA4's own technical description
// (https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md): t13d1516h2_8daaf6152771_e5627efa2ab1.
func hello() []byte {
	u16 := func(list ...uint16) []byte {
		var b []byte
		for _, v := range list {
			b = append(b, byte(v>>8), byte(v))
		}
		return b
	}
	vec := func(n int, b []byte) []byte {
		var out []byte
		for i := n - 1; i >= 0; i-- {
			out = append(out, byte(len(b)>>(8*i)))
		}
		return append(out, b...)
	}
	var ext []byte
	add := func(kind uint16, body []byte) { ext = append(append(ext, u16(kind)...), vec(2, body)...) }
	add(0x1a1a, nil) // GREASE
	add(0x001b, []byte{2, 0, 2})
	add(0x0000, vec(2, append([]byte{0}, vec(2, []byte("example.com"))...)))
	add(0x0033, vec(2, nil))
	add(0x0010, vec(2, append(vec(1, []byte("h2")), vec(1, []byte("http/1.1"))...)))
	add(0x4469, vec(2, vec(1, []byte("h2"))))
	add(0x0017, nil)
	add(0x002d, []byte{1, 1})
	add(0x000d, vec(2, u16(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)))
	add(0x0005, []byte{1, 0, 0, 0, 0})
	add(0x0023, nil)
	add(0x0012, nil)
	add(0x002b, vec(1, u16(0x7a7a, 0x0304, 0x0303)))
	add(0xff01, []byte{0})
	add(0x000b, []byte{1, 0})
	add(0x000a, vec(2, u16(0x4a4a, 29, 23, 24)))
	add(0x0015, make([]byte, 10))
	ciphers := u16(0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035)
	body := append([]byte{3, 3}, make([]byte, 32)...)
	body = append(body, 0)
	body = append(body, vec(2, ciphers)...)
	body = append(body, 1, 0)
	body = append(body, vec(2, ext)...)
	msg := append([]byte{msgClientHello}, vec(3, body)...)
	return append([]byte{recordHandshake, 3, 1}, vec(2, msg)...)
}

func TestFingerprints(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, hello())
	x := d.Live.List[0].(*Transaction)
	if want := "t13d1516h2_8daaf6152771_e5627efa2ab1"; x.Client.JA4 != want {
		t.Errorf("JA4 %s, want %s", x.Client.JA4, want)
	}
	if want := "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23-24,0"; x.Client.JA3 != want {
		t.Errorf("JA3\n%s, want\n%s", x.Client.JA3, want)
	}
	if !slices.Equal(x.Client.Versions, []uint16{0x0304, 0x0303}) {
		t.Errorf("versions %x", x.Client.Versions)
	}
}

func TestAcrossRecords(t *testing.T) {
	whole := hello()
	msg := whole[5:]
	for cut := 1; cut < len(msg); cut += 7 {
		d := prototest.New(New(false))
		for _, part := range [][]byte{msg[:cut], msg[cut:]} {
			d.Feed(flow.ToServer, append([]byte{recordHandshake, 3, 1, byte(len(part) >> 8), byte(len(part))}, part...))
		}
		if x := d.Live.List[0].(*Transaction); string(x.Client.SNI) != "example.com" {
			t.Fatalf("cut at %d: SNI %q", cut, x.Client.SNI)
		}
	}
}

func TestSSL2Hello(t *testing.T) {
	// length 31, ClientHello, version 3.1, two suites, no session, a challenge of 16 bytes
	b := append([]byte{0x80, 31, 1, 3, 1, 0, 6, 0, 0, 0, 16, 0, 0, 0x2f, 1, 0, 0x80}, make([]byte, 16)...)
	if m := Recognise(&proto.Probe{Data: b, ServerPort: 443}); m != proto.Yes {
		t.Errorf("recognised as %v", m)
	}
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, b)
	x := d.Live.List[0].(*Transaction)
	if !x.Client.Seen || x.Client.LegacyVersion != 0x0301 || !slices.Equal(x.Client.Ciphers, []uint16{0x002f}) {
		t.Errorf("%+v", x.Client)
	}
}

func TestBroken(t *testing.T) {
	f := func(name, anomaly string, b []byte) {
		t.Helper()
		d := prototest.New(New(false))
		d.Feed(flow.ToServer, hello())
		d.Feed(flow.ToServer, b)
		x := d.Live.List[0].(*Transaction)
		if !slices.Contains(x.Anomalies, anomaly) {
			t.Errorf("%s: %v, want %s", name, x.Anomalies, anomaly)
		}
	}
	f("record type", "invalid_record_type", []byte{99, 3, 3, 0, 1, 0})
	f("record version", "invalid_record_version", []byte{22, 9, 3, 0, 1, 0})
	f("record length", "invalid_record_length", []byte{22, 3, 3, 0xff, 0xff, 0})
	f("message length", "handshake_invalid_length", []byte{22, 3, 3, 0, 4, 11, 0xff, 0xff, 0xff})
	f("certificates", "invalid_certificate", []byte{22, 3, 3, 0, 9, 11, 0, 0, 5, 0, 0, 99, 1, 2})
	f("heartbleed", "overflow_heartbeat_message", []byte{24, 3, 2, 0, 3, 1, 0x40, 0})
	d := prototest.New(New(false))
	short := hello()
	short[len(short)-60] ^= 0xff // an extension's length lies
	d.Feed(flow.ToServer, short)
	d.Feed(flow.ToServer, []byte{22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3})
	d.End()
	if x := d.Live.List[0].(*Transaction); !x.Complete(flow.ToServer) || !x.Complete(flow.ToClient) {
		t.Error("not complete at the end")
	}
}

// TestCertificateDamaged changes every byte of a certificate: nothing may panic, and the fingerprint always tells.
func TestCertificateDamaged(t *testing.T) {
	der := certificate(t).Certificate[0]
	good := Certificate{DER: der}
	good.parse()
	for i := range der {
		c := Certificate{DER: bytes.Clone(der)}
		c.DER[i] ^= 0x81
		c.parse()
		if c.Fingerprint == good.Fingerprint {
			t.Fatalf("byte %d changed, fingerprint did not", i)
		}
	}
	for i := range der {
		c := Certificate{DER: der[:i]}
		c.parse()
	}
}

func TestRecognise(t *testing.T) {
	f := func(name string, dir flow.Direction, b []byte, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, Data: b}); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("hello", flow.ToServer, hello(), proto.Yes)
	f("hello from the server", flow.ToClient, hello(), proto.Reversed)
	f("first bytes", flow.ToServer, hello()[:4], proto.Maybe)
	f("text", flow.ToServer, []byte("GET / HTTP/1.1"), proto.No)
	f("alert", flow.ToClient, []byte{21, 3, 1, 0, 2, 2, 40}, proto.Yes)
	f("zeros", flow.ToServer, make([]byte, 40), proto.No)
}

func TestAnomalyNames(t *testing.T) {
	literal := regexp.MustCompile(`Anomaly\("([a-z0-9_]+)"\)`)
	for _, name := range []string{"parser.go", "hello.go"} {
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

func TestGolden(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, hello())
	d.End()
	want := `{"@timestamp":"0001-01-01T00:00:00.000000000Z","event.dataset":"tls","event.category":"network","tls.version_protocol":"tls","tls.version":"1.0",` +
		`"tls.client.server_name":"example.com","tls.client.ja3":"` + md5Hex([]byte(d.Live.List[0].(*Transaction).Client.JA3)) + `","fengsui.tls.client.ja3_string":"` +
		d.Live.List[0].(*Transaction).Client.JA3 + `","fengsui.tls.client.ja4":"t13d1516h2_8daaf6152771_e5627efa2ab1","fengsui.tls.client.alpn":["h2","http/1.1"],"tls.established":false}` + "\n"
	if got := d.JSON(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(d.JSON(), "\x00") {
		t.Error("raw bytes in JSON")
	}
}

func FuzzParser(f *testing.F) {
	f.Add(prototest.Pack(flow.ToServer, string(hello())))
	client, server, _ := record(f, tls.VersionTLS12)
	f.Add(append(prototest.Pack(flow.ToServer, string(client)), prototest.Pack(flow.ToClient, string(server))...))
	client, server, _ = record(f, tls.VersionTLS13)
	f.Add(append(prototest.Pack(flow.ToServer, string(client)), prototest.Pack(flow.ToClient, string(server))...))
	b, _ := hex.DecodeString("801f01030100060000001000002f010080")
	f.Add(prototest.Pack(flow.ToServer, string(b)))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		for _, l := range d.Live.List {
			for _, a := range l.Base().Anomalies {
				if !slices.Contains(Anomalies, a) {
					t.Fatalf("anomaly %q is not published", a)
				}
			}
		}
	})
}

func FuzzCertificate(f *testing.F) {
	f.Add(certificate(f).Certificate[0])
	f.Add([]byte{0x30, 3, 0x30, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Certificate{DER: b}
		c.parse()
		if len(c.AltNames) > altNamesMax || len(c.Subject) > 8192+len(b)*4 {
			t.Fatal("more text than bytes")
		}
		parseChain(b)
	})
}
