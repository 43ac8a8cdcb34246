package tlcp

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/binary"
	"flag"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tjfoc/gmsm/gmtls"
	"github.com/tjfoc/gmsm/sm2"
	"github.com/tjfoc/gmsm/x509"

	"fengsui/capture/flow"
	"fengsui/capture/packettest"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
	"fengsui/capture/proto/tls"
)

var update = flag.Bool("update", false, "write testdata/tlcp.pcap anew")

const captureName = "testdata/tlcp.pcap"

// piece is what one side wrote at a time.
type piece struct {
	dir flow.Direction
	b   []byte
}

// tap notes what passes a connection.
type tap struct {
	net.Conn
	dir flow.Direction
	mu  *sync.Mutex
	log *[]piece
}

func (t tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	*t.log = append(*t.log, piece{t.dir, append([]byte(nil), b...)})
	t.mu.Unlock()
	return t.Conn.Write(b)
}

// certificate makes a certificate with the usage of its half of the pair.
func certificate(t *testing.T, serial int64, usage x509.KeyUsage) gmtls.Certificate {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{Country: []string{"CN"}, Organization: []string{"Fengsui"}, CommonName: "server.example.cn"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: usage, SignatureAlgorithm: x509.SM2WithSM3, DNSNames: []string{"server.example.cn"},
	}
	der, err := x509.CreateCertificate(template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return gmtls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// handshake lets another implementation speak and notes what it says.
func handshake(t *testing.T) []piece {
	t.Helper()
	a, b := net.Pipe()
	var mu sync.Mutex
	var log []piece
	server := gmtls.Server(tap{b, flow.ToClient, &mu, &log}, &gmtls.Config{
		GMSupport: &gmtls.GMSupport{}, CipherSuites: []uint16{gmtls.GMTLS_SM2_WITH_SM4_SM3},
		Certificates: []gmtls.Certificate{certificate(t, 0x51, x509.KeyUsageDigitalSignature), certificate(t, 0x52, x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment)},
	})
	client := gmtls.Client(tap{a, flow.ToServer, &mu, &log}, &gmtls.Config{
		GMSupport: &gmtls.GMSupport{}, CipherSuites: []uint16{gmtls.GMTLS_SM2_WITH_SM4_SM3}, InsecureSkipVerify: true, ServerName: "server.example.cn",
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	context.AfterFunc(ctx, func() { a.Close(); b.Close() })
	done := make(chan error, 1)
	go func() {
		err := server.Handshake()
		if err != nil {
			b.Close()
		}
		done <- err
		io.Copy(io.Discard, server) //nolint:errcheck // until the client's side is closed
	}()
	if err := client.Handshake(); err != nil {
		t.Fatalf("client: %v, server: %v", err, <-done)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("application data")); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return log
}

func TestHandshakeOfAnotherImplementation(t *testing.T) {
	log := handshake(t)
	if *update {
		c := packettest.NewCapture()
		v := c.TCP(netip.MustParseAddrPort("10.0.0.5:50123"), netip.MustParseAddrPort("192.168.7.9:443")).Handshake()
		for _, p := range log {
			v.Send(p.dir, p.b)
		}
		v.Close()
		if err := os.MkdirAll(filepath.Dir(captureName), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(captureName, c.Pcap(binary.LittleEndian, false), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := prototest.New(New(false))
	for _, p := range log {
		if p.dir == flow.ToServer && len(d.Live.List) == 0 {
			if m := Recognise(&proto.Probe{Data: p.b}); m != proto.Yes {
				t.Errorf("recognised: %v", m)
			}
		}
		d.Feed(p.dir, p.b)
	}
	x, ok := d.Live.List[0].(*tls.Transaction)
	if !ok || x.Protocol() != "tlcp" {
		t.Fatalf("%T", d.Live.List[0])
	}
	if !x.Client.Seen || x.Server.Cipher != 0xe013 || x.Version != tls.VersionTLCP || !x.Established {
		t.Errorf("client %v, suite %x, version %x, established %v", x.Client.Seen, x.Server.Cipher, x.Version, x.Established)
	}
	chain := x.Chain[flow.ToClient]
	if len(chain) < 2 || chain[0].Serial != "51" || chain[1].Serial != "52" || !chain[0].SM2 || chain[0].KeyUsage != 1 || chain[1].KeyUsage != 0b1100 {
		t.Fatalf("chain %+v", chain)
	}
	if chain[0].Signature != "1.2.156.10197.1.501" || !strings.Contains(chain[0].Subject, "CN=server.example.cn") {
		t.Errorf("signature %s, subject %s", chain[0].Signature, chain[0].Subject)
	}
	js := d.JSON()
	for _, want := range []string{`"fengsui.tlcp.cipher":"ECC_SM4_CBC_SM3"`, `"fengsui.tlcp.server.encrypt.serial":"52"`, `"tls.version_protocol":"tlcp"`} {
		if !strings.Contains(js, want) {
			t.Errorf("%s is not in %s", want, js)
		}
	}
}

func TestRecognise(t *testing.T) {
	f := func(want proto.Match, dir flow.Direction, b string) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, Data: []byte(b)}); got != want {
			t.Errorf("%q: %v, want %v", b, got, want)
		}
	}
	f(proto.Yes, flow.ToServer, "\x16\x01\x01\x00\x50\x01\x00\x00\x4c\x01\x01")
	f(proto.Maybe, flow.ToServer, "\x16\x01")
	f(proto.No, flow.ToServer, "\x16\x03\x01\x00\x50\x01")
	f(proto.Reversed, flow.ToClient, "\x16\x01\x01\x00\x50\x01\x00\x00\x4c\x01\x01")
	f(proto.Yes, flow.ToClient, "\x15\x01\x01\x00\x02\x02\x28")
}

func FuzzParser(f *testing.F) {
	// The records of a hello of each side, and of a certificate message.
	f.Add(prototest.Pack(flow.ToServer, "\x16\x01\x01\x00\x2d\x01\x00\x00\x29\x01\x01"+strings.Repeat("r", 32)+"\x00\x00\x02\xe0\x13\x01\x00"))
	f.Add(prototest.Pack(flow.ToClient, "\x16\x01\x01\x00\x2a\x02\x00\x00\x26\x01\x01"+strings.Repeat("r", 32)+"\x00\xe0\x13\x00"))
	f.Add(prototest.Pack(flow.ToClient, "\x16\x01\x01\x00\x0e\x0b\x00\x00\x0a\x00\x00\x07\x00\x00\x04\x30\x02\x30\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
	})
}
