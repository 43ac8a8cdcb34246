package channel

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// reference makes the slow implementation play a member of the house.
func (h *house) reference(t testing.TB, m member) *refParty {
	t.Helper()
	var scalar [32]byte
	_, _ = rand.Read(scalar[:])
	p := &refParty{
		static:    m.key.SM2().D,
		ephemeral: new(big.Int).Mod(new(big.Int).SetBytes(scalar[:]), refOrder()),
		binding:   bytes.Repeat([]byte{7}, 32),
		public:    func(der []byte) []byte { return publicKeyIn(t, der) },
	}
	for _, c := range m.chain {
		p.chain = append(p.chain, c.Raw())
	}
	return p
}

func publicKeyIn(t testing.TB, der []byte) []byte {
	c, err := identity.ParseDER(der)
	if err != nil {
		t.Errorf("certificate in message: %v", err)
		return make([]byte, 64)
	}
	return c.PublicKey().Bytes()[1:]
}

func TestInteropServer(t *testing.T) {
	h := newHouse(t)
	ref := h.reference(t, h.cityN)
	_, sh := sides(Config{}, h.config(h.province))
	cc, sc := net.Pipe()
	done := make(chan outcome, 1)
	go func() {
		s, err := run(t.Context(), sc, sh)
		done <- outcome{s, err}
	}()
	refSess, err := ref.client(cc)
	if err != nil {
		t.Fatal(err)
	}
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	checkInterop(t, got.s, refSess)
}

func TestInteropClient(t *testing.T) {
	h := newHouse(t)
	ref := h.reference(t, h.province)
	ch, _ := sides(h.config(h.cityN), Config{})
	cc, sc := net.Pipe()
	done := make(chan outcome, 1)
	go func() {
		s, err := run(t.Context(), cc, ch)
		done <- outcome{s, err}
	}()
	refSess, err := ref.server(sc)
	if err != nil {
		t.Fatal(err)
	}
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	checkInterop(t, got.s, refSess)
}

// checkInterop sends data both ways over a stream and as datagrams between the
// package's session and the reference's.
func checkInterop(t *testing.T, s *Session, ref *refSession) {
	t.Helper()
	if !bytes.Equal(s.Export("label", 48), ref.export("label", 48)) {
		t.Fatal("exports differ")
	}
	ours, theirs := net.Pipe()
	conn := s.Stream(ours, 12, s.client)
	fromClient, fromServer := ref.stream(12)
	refIn, refOut := fromServer, fromClient
	if s.client {
		refIn, refOut = fromClient, fromServer
	}
	setLimits(conn, 70_000, 5)
	for _, d := range []*refDirection{refIn, refOut} {
		d.bytesMax, d.records = 70_000, 5
	}

	data := make([]byte, 100_001)
	_, _ = rand.Read(data)
	go func() {
		_, _ = conn.Write(data)
		_, _ = conn.Write(data[:3])
		_ = conn.CloseWrite()
	}()
	var got []byte
	for {
		kind, p, err := refIn.open(theirs)
		if err != nil {
			t.Fatalf("reference reads after %d bytes: %v", len(got), err)
		}
		if kind == 2 {
			break
		}
		got = append(got, p...)
	}
	if !bytes.Equal(got, append(bytes.Clone(data), data[:3]...)) {
		t.Fatal("reference read other bytes than were written")
	}

	go func() {
		for i := 0; i < len(data); i += 9_000 {
			_, _ = theirs.Write(refOut.seal(1, data[i:min(i+9_000, len(data))]))
		}
		_, _ = theirs.Write(refOut.seal(2, nil))
	}()
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read %d of %d bytes from the reference: %v", len(got), len(data), err)
	}

	mine := s.Datagrams().Seal(nil, []byte("to reference"))
	if want := ref.datagram(s.client, 1, []byte("to reference")); !bytes.Equal(mine, want) {
		t.Fatal("datagram differs from the reference's")
	}
	for _, counter := range []uint64{3, 1, 1<<24 + 5, 2} {
		p, err := s.Datagrams().Open(nil, ref.datagram(!s.client, counter, []byte("from reference")))
		if counter == 2 {
			if err == nil {
				t.Fatal("a datagram far behind the window was accepted")
			}
			continue
		}
		if err != nil || string(p) != "from reference" {
			t.Fatalf("datagram %d: %q %v", counter, p, err)
		}
	}
}

// setLimits makes a stream change keys often.
func setLimits(c *Conn, bytesMax, recordsMax uint64) {
	for _, d := range []*direction{&c.in, &c.out} {
		d.bytesMax, d.recordsMax = bytesMax, recordsMax
	}
}

// An attacker who shows somebody else's certificates, but does not hold the
// key, gets no session: as client the server finds out, as server the client.
func TestStolenCertificate(t *testing.T) {
	h := newHouse(t)
	thief := h.reference(t, h.cityN)
	other, err := gmcrypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	thief.static = other.SM2().D

	thief.reckless = true

	_, sh := sides(Config{}, h.config(h.province))
	cc, sc := net.Pipe()
	done := make(chan outcome, 1)
	go func() {
		s, err := run(t.Context(), sc, sh)
		done <- outcome{s, err}
	}()
	if _, err := thief.client(cc); err != nil {
		t.Fatal(err)
	}
	if got := <-done; !errors.Is(got.err, ErrConfirm) {
		t.Errorf("server says %v, want %v", got.err, ErrConfirm)
	}

	thief = h.reference(t, h.province)
	thief.static = other.SM2().D
	ch, _ := sides(h.config(h.cityN), Config{})
	cc, sc = net.Pipe()
	go func() {
		s, err := run(t.Context(), cc, ch)
		_ = cc.Close()
		done <- outcome{s, err}
	}()
	if _, err := thief.server(sc); err == nil {
		t.Error("the client confirmed to the thief")
	}
	if got := <-done; !errors.Is(got.err, ErrConfirm) {
		t.Errorf("client says %v, want %v", got.err, ErrConfirm)
	}
}
