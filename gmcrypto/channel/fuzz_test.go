package channel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"fengsui/gmcrypto/identity"
)

// fuzzHouse records one good handshake, the seed of the fuzz targets.
func fuzzHouse(f *testing.F) (h *house, fromClient, fromServer [][]byte) {
	f.Helper()
	h = newHouse(f)
	cc, sc := net.Pipe()
	tapC, tapS := &wire{Conn: cc}, &wire{Conn: sc}
	ch, sh := sides(h.config(h.cityN), h.config(h.province))
	if c, s := handshakeOn(f, ch, sh, tapC, tapS); c.err != nil || s.err != nil {
		f.Fatal(c.err, s.err)
	}
	return h, tapC.sent, tapS.sent
}

// scripted is a connection whose peer says what the fuzzer wrote and then hangs up.
type scripted struct {
	memory
	r io.Reader
}

func (s *scripted) Read(p []byte) (int, error)  { return s.r.Read(p) }
func (s *scripted) Write(p []byte) (int, error) { return len(p), nil }

func FuzzServer(f *testing.F) {
	h, fromClient, _ := fuzzHouse(f)
	f.Add(bytes.Join(fromClient, nil))
	f.Add(fromClient[0])
	f.Add(newRefusal(HintSelf))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Server(t.Context(), &scripted{r: bytes.NewReader(b)}, h.config(h.province)); err == nil || s != nil {
			t.Fatal("a peer without a key got a session")
		}
	})
}

func FuzzClient(f *testing.F) {
	h, _, fromServer := fuzzHouse(f)
	f.Add(fromServer[0])
	f.Add(newRefusal(HintVersion))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Client(t.Context(), &scripted{r: bytes.NewReader(b)}, h.config(h.cityN)); err == nil || s != nil {
			t.Fatal("a peer without a key got a session")
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
	client, server := sessions(f)
	f.Add(bytes.Join(records(f, client, 0, []byte("hello"), make([]byte, 100)), nil))
	f.Add([]byte{kindEnd, 0, 0, tagSize})
	secret, _ := split(hkdfStream(server, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &memory{in: bytes.NewReader(b), chunk: 1 + len(b)%7}
		got, err := io.ReadAll(newConn(m, &server.buffers, secret, secret))
		if !bytes.HasPrefix(append([]byte("hello"), make([]byte, 100)...), got) {
			t.Fatalf("forged data was delivered: %q, %v", got, err)
		}
	})
}

func FuzzDatagram(f *testing.F) {
	client, server := sessions(f)
	sealed := client.Datagrams().Seal(nil, []byte("payload"))
	f.Add(sealed)
	f.Add(sealed[:8])
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := server.Datagrams().Open(nil, b)
		if err == nil && !bytes.Equal(b, sealed) {
			t.Fatalf("a forged datagram was accepted: %q", got)
		}
	})
}
