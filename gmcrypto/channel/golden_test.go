package channel

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

var update = flag.Bool("update", false, "write testdata/handshake.txt anew, with new certificates")

const goldenFile = "testdata/handshake.txt"

// golden is the test vector of DESIGN.md §9: lines of "name = hexadecimal".
type golden map[string][]byte

// Inputs first, then outputs; the file keeps this order.
var goldenNames = strings.Fields(`
	client.static client.ephemeral client.cert0 client.cert1
	server.static server.ephemeral server.cert0
	root binding
	hello reply confirm
	shared master exporter export
	stream.client.data stream.client.end stream.server.data
	datagram.client.1 datagram.client.16777216 datagram.server.1`)

func readGolden(t testing.TB) golden {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{}
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, digits, _ := strings.Cut(line, " = ")
		if g[name], err = hex.DecodeString(digits); err != nil {
			t.Fatalf("%s:%d: %v", goldenFile, n+1, err)
		}
	}
	for _, name := range goldenNames {
		if len(g[name]) == 0 {
			t.Fatalf("%s: %s is missing", goldenFile, name)
		}
	}
	return g
}

func (g golden) write(t *testing.T) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("# Test vector of the channel, see DESIGN.md §9. All values are hexadecimal; keys are\n" +
		"# scalars, certificates DER. Made by go test -run Golden -update.\n")
	for _, name := range goldenNames {
		fmt.Fprintf(&b, "%s = %x\n", name, g[name])
	}
	if err := os.WriteFile(goldenFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// newGoldenInputs draws keys and issues certificates valid until 2046.
func newGoldenInputs(t *testing.T) golden {
	h := newHouse(t)
	cert := must[*identity.Certificate](t)
	from := h.now.Add(-time.Hour)
	c, s := newKey(t), newKey(t)
	clientCert := cert(identity.IssueNode(h.cityKey, h.city, "n1", c.Public(), from, 10*testYear))
	serverCert := cert(identity.IssueNode(h.rootKey, h.root, "n1", s.Public(), from, 10*testYear))
	scalar := func(k *gmcrypto.PrivateKey) []byte { return k.SM2().D.FillBytes(make([]byte, 32)) }
	return golden{
		"client.static": scalar(c), "client.ephemeral": scalar(newKey(t)), "client.cert0": clientCert.Raw(), "client.cert1": h.city.Raw(),
		"server.static": scalar(s), "server.ephemeral": scalar(newKey(t)), "server.cert0": serverCert.Raw(),
		"root": h.root.Raw(), "binding": bytes.Repeat([]byte{0xb1}, 32),
	}
}

func (g golden) side(t testing.TB, name string) (Config, *refParty) {
	t.Helper()
	key := must[*gmcrypto.PrivateKey](t)(gmcrypto.ParsePrivateKey(g[name+".static"]))
	root := must[*identity.Certificate](t)(identity.ParseDER(g["root"]))
	cfg := Config{
		Key: key, Binding: g["binding"],
		Verify: func(chain []*identity.Certificate) (identity.Peer, error) {
			return identity.NewTrust(root).Verify(chain, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		},
	}
	ref := &refParty{
		static:    new(big.Int).SetBytes(g[name+".static"]),
		ephemeral: new(big.Int).SetBytes(g[name+".ephemeral"]),
		binding:   g["binding"],
		public:    func(der []byte) []byte { return publicKeyIn(t, der) },
	}
	for i := 0; g[fmt.Sprintf("%s.cert%d", name, i)] != nil; i++ {
		der := g[fmt.Sprintf("%s.cert%d", name, i)]
		cfg.Chain = append(cfg.Chain, must[*identity.Certificate](t)(identity.ParseDER(der)))
		ref.chain = append(ref.chain, der)
	}
	return cfg, ref
}

// outputs runs the handshake with the vector's keys and collects what it makes.
func (g golden) outputs(t *testing.T) golden {
	t.Helper()
	clientCfg, _ := g.side(t, "client")
	serverCfg, _ := g.side(t, "server")
	cc, sc := net.Pipe()
	tapC, tapS := &wire{Conn: cc}, &wire{Conn: sc}
	c, s := handshakeOn(t,
		handshake{cfg: clientCfg, client: true, random: bytes.NewReader(g["client.ephemeral"])},
		handshake{cfg: serverCfg, random: bytes.NewReader(g["server.ephemeral"])}, tapC, tapS)
	if c.err != nil || s.err != nil {
		t.Fatal(c.err, s.err)
	}
	out := golden{
		"hello": tapC.sent[0], "reply": tapS.sent[0], "confirm": tapC.sent[1],
		"master": c.s.master[:], "exporter": c.s.exporter[:], "export": s.s.Export("test", 32),
	}
	r := records(t, c.s, 4, []byte("up"))
	out["stream.client.data"], out["stream.client.end"] = r[0], r[1]
	m := &memory{in: bytes.NewReader(nil)}
	if _, err := s.s.Stream(m, 4, false).Write([]byte("down")); err != nil {
		t.Fatal(err)
	}
	out["stream.server.data"] = m.out.Bytes()
	out["datagram.client.1"] = c.s.Datagrams().Seal(nil, []byte("up"))
	c.s.Datagrams().send.counter = 1<<24 - 1
	out["datagram.client.16777216"] = c.s.Datagrams().Seal(nil, []byte("up"))
	out["datagram.server.1"] = s.s.Datagrams().Seal(nil, []byte("down"))
	return out
}

// referenceOutputs is the same by the slow implementation, and K besides.
func (g golden) referenceOutputs(t *testing.T) golden {
	t.Helper()
	_, client := g.side(t, "client")
	_, server := g.side(t, "server")
	cc, sc := net.Pipe()
	tapC, tapS := &wire{Conn: cc}, &wire{Conn: sc}
	done := make(chan error, 1)
	go func() {
		_, err := server.server(tapS)
		done <- err
	}()
	s, err := client.client(tapC)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	fromClient, fromServer := s.stream(4)
	return golden{
		"hello": tapC.sent[0], "reply": tapS.sent[0], "confirm": tapC.sent[1],
		"shared": s.k, "master": s.master, "exporter": s.exporter, "export": s.export("test", 32),
		"stream.client.data": fromClient.seal(1, []byte("up")), "stream.client.end": fromClient.seal(2, nil),
		"stream.server.data": fromServer.seal(1, []byte("down")),
		"datagram.client.1":  s.datagram(true, 1, []byte("up")), "datagram.client.16777216": s.datagram(true, 1<<24, []byte("up")),
		"datagram.server.1": s.datagram(false, 1, []byte("down")),
	}
}

// TestGolden pins every byte of the protocol: a change here is a new version of
// it. Both implementations must give the committed values.
func TestGolden(t *testing.T) {
	if *update {
		g := newGoldenInputs(t)
		for name, value := range g.referenceOutputs(t) {
			g[name] = value
		}
		g.write(t)
	}
	g := readGolden(t)
	for which, out := range map[string]golden{"package": g.outputs(t), "reference": g.referenceOutputs(t)} {
		for name, value := range out {
			if !bytes.Equal(value, g[name]) {
				t.Errorf("%s: %s is\n%x, want\n%x", which, name, value, g[name])
			}
		}
	}
}
