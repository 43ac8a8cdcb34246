package channel

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"fengsui/gmcrypto/identity"
)

// scripted is a connection whose peer says what the fuzzer wrote and then hangs up.
type scripted struct {
	memory
	r io.Reader
}

func (s *scripted) Read(p []byte) (int, error)  { return s.r.Read(p) }
func (s *scripted) Write(p []byte) (int, error) { return len(p), nil }

// fuzzSide is one side of the golden handshake, ephemeral key and all, so that
// the recorded messages are good in every fuzzing process; only they may be.
func fuzzSide(t testing.TB, g golden, name string) handshake {
	cfg, _ := g.side(t, name)
	return handshake{cfg: cfg, client: name == "client", random: bytes.NewReader(g[name+".ephemeral"])}
}

func FuzzServer(f *testing.F) {
	g := readGolden(f)
	good := append(bytes.Clone(g["hello"]), g["confirm"]...)
	f.Add(good)
	f.Add(g["hello"])
	f.Add(newRefusal(HintSelf))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := run(t.Context(), &scripted{r: bytes.NewReader(b)}, fuzzSide(t, g, "server"))
		if (err == nil) != bytes.HasPrefix(b, good) {
			t.Fatalf("session for a peer without a key, or none for the true one: %v", err)
		}
	})
}

func FuzzClient(f *testing.F) {
	g := readGolden(f)
	f.Add(g["reply"])
	f.Add(newRefusal(HintVersion))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := run(t.Context(), &scripted{r: bytes.NewReader(b)}, fuzzSide(t, g, "client"))
		if (err == nil) != bytes.HasPrefix(b, g["reply"]) {
			t.Fatalf("session for a peer without a key, or none for the true one: %v", err)
		}
	})
}

func FuzzParseChain(f *testing.F) {
	h := newHouse(f)
	for _, chain := range [][]*identity.Certificate{h.cityN.chain, h.province.chain, {h.root}} {
		b, err := appendChain(nil, chain)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		chain, err := parseChain(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := appendChain(nil, chain)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("a chain has two encodings: %x and %x", b, again)
		}
	})
}

func FuzzRecords(f *testing.F) {
	var secret [32]byte
	copy(secret[:], "the same in each fuzzing process")
	var buffers bufferPool
	m := &memory{in: bytes.NewReader(nil)}
	c := newConn(m, &buffers, secret, secret)
	want := append([]byte("hello"), make([]byte, 100)...)
	_, _ = c.Write(want[:5])
	_, _ = c.Write(want[5:])
	_ = c.CloseWrite()
	good := bytes.Clone(m.out.Bytes())
	f.Add(good)
	f.Add(good[:25])
	f.Add([]byte{kindEnd, 0, 0, tagSize})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &memory{in: bytes.NewReader(b), chunk: 1 + len(b)%7}
		got, err := io.ReadAll(newConn(m, &buffers, secret, secret))
		if !bytes.HasPrefix(want, got) || (err == nil) != bytes.HasPrefix(b, good) {
			t.Fatalf("forged data or end was delivered: %q, %v", got, err)
		}
	})
}

func FuzzDatagram(f *testing.F) {
	var secret [32]byte
	copy(secret[:], "the same in each fuzzing process")
	sealed := newDatagrams(secret, secret).Seal(nil, []byte("payload"))
	f.Add(sealed)
	f.Add(sealed[:8])
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := newDatagrams(secret, secret).Open(nil, b)
		if (err == nil) != bytes.Equal(b, sealed) || err == nil && string(got) != "payload" {
			t.Fatalf("datagram %x: %q, %v", b, got, err)
		}
	})
}
