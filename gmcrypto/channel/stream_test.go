package channel

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a carrier that takes writes into a slice and reads from another.
type memory struct {
	in        *bytes.Reader
	out       bytes.Buffer
	chunk     int // most bytes a Read returns; 0: no limit
	writeErr  error
	closed    bool
	halfClose int
}

func (m *memory) Read(p []byte) (int, error) {
	if m.chunk > 0 && len(p) > m.chunk {
		p = p[:m.chunk]
	}
	return m.in.Read(p)
}

func (m *memory) Write(p []byte) (int, error) {
	if m.writeErr != nil {
		return 0, m.writeErr
	}
	return m.out.Write(p)
}
func (m *memory) Close() error                     { m.closed = true; return nil }
func (m *memory) CloseWrite() error                { m.halfClose++; return nil }
func (m *memory) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "here"} }
func (m *memory) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "there"} }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

// records makes what the client writes on a stream: one element a record.
func records(t testing.TB, client *Session, id uint64, payloads ...[]byte) [][]byte {
	t.Helper()
	m := &memory{in: bytes.NewReader(nil)}
	c := client.Stream(m, id, true)
	var out [][]byte
	take := func() {
		out = append(out, bytes.Clone(m.out.Bytes()))
		m.out.Reset()
	}
	for _, p := range payloads {
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
		take()
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	take()
	return out
}

func receive(server *Session, id uint64, chunk int, parts ...[]byte) ([]byte, error) {
	m := &memory{in: bytes.NewReader(bytes.Join(parts, nil)), chunk: chunk}
	return io.ReadAll(server.Stream(m, id, false))
}

func TestStreamSizes(t *testing.T) {
	client, server := sessions(t)
	id := uint64(0)
	for _, size := range []int{0, 1, 2, 15, 16, 17, 512, 2027, 2028, 2029, RecordBytes - 1, RecordBytes, RecordBytes + 1, 3 * RecordBytes, 100_000} {
		for _, chunk := range []int{0, 1, 3, 1000} {
			id += 4
			want := make([]byte, size)
			_, _ = rand.Read(want)
			got, err := receive(server, id, chunk, records(t, client, id, want)...)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("size %d, chunks of %d: %d bytes, %v", size, chunk, len(got), err)
			}
		}
	}
}

func TestLargeWriteIsFewRecords(t *testing.T) {
	client, _ := sessions(t)
	m := &memory{in: bytes.NewReader(nil)}
	c := client.Stream(m, 0, true)
	if _, err := c.Write(make([]byte, 10*RecordBytes)); err != nil {
		t.Fatal(err)
	}
	if want := 10 * (RecordBytes + recordOverhead); m.out.Len() != want {
		t.Fatalf("%d bytes on the carrier, want %d", m.out.Len(), want)
	}
}

func TestLargestRecordAccepted(t *testing.T) {
	client, server := sessions(t)
	m := &memory{in: bytes.NewReader(nil)}
	c := client.Stream(m, 0, true)
	f := func(size int) []byte { // a record of a size our Write never makes
		b := make([]byte, size+recordOverhead)
		n := size + tagSize
		b[0], b[1], b[2], b[3] = kindData, byte(n>>16), byte(n>>8), byte(n)
		c.out.aead.Seal(b[4:4], c.out.current(), make([]byte, size), b[:4])
		c.out.spent(size)
		return b
	}
	got, err := receive(server, 0, 0, f(RecordBytesMax))
	if !errors.Is(err, ErrTruncated) || len(got) != RecordBytesMax {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	client, server = sessions(t)
	c = client.Stream(m, 0, true)
	if got, err = receive(server, 0, 0, f(RecordBytesMax+1)); !errors.Is(err, ErrRecord) || len(got) > 0 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

// Whatever is cut off the end, the reader gets a true prefix and an error that
// is io.ErrUnexpectedEOF, never a clean end.
func TestTruncation(t *testing.T) {
	client, server := sessions(t)
	whole := []byte("first second")
	for cut := range len(bytes.Join(records(t, client, 0, whole[:6], whole[6:]), nil)) {
		id := uint64(cut+1) * 4
		all := bytes.Join(records(t, client, id, whole[:6], whole[6:]), nil)
		got, err := receive(server, id, 0, all[:cut])
		if !errors.Is(err, ErrTruncated) || !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(whole, got) {
			t.Fatalf("cut to %d: %q, %v", cut, got, err)
		}
	}
}

func TestTamperEveryRecordByte(t *testing.T) {
	client, server := sessions(t)
	id, size := uint64(0), len(bytes.Join(records(t, client, 1, []byte("one"), []byte("two")), nil))
	for i := range size {
		for _, mask := range []byte{1, 2, 0x80, 0xff} {
			id += 4
			all := bytes.Join(records(t, client, id, []byte("one"), []byte("two")), nil)
			all[i] ^= mask
			got, err := receive(server, id, 0, all)
			if err == nil || !errors.Is(err, ErrRecord) && !errors.Is(err, ErrTruncated) || !bytes.HasPrefix([]byte("onetwo"), got) {
				t.Fatalf("byte %d ^ %#x: %q, %v", i, mask, got, err)
			}
		}
	}
}

func TestRecordsMoved(t *testing.T) {
	client, server := sessions(t)
	id := uint64(0)
	f := func(name, want string, wantErr error, arrange func(r, other, back [][]byte) [][]byte) {
		t.Helper()
		id += 8
		r := records(t, client, id, []byte("a"), []byte("b"), []byte("c"))
		other := records(t, client, id+4, []byte("x"), []byte("y"), []byte("z"))
		var back [][]byte // what the server would have sent on the same stream
		m := &memory{in: bytes.NewReader(nil)}
		_, fromServer := split(hkdfStream(server, id))
		c := newConn(m, &server.buffers, fromServer, fromServer)
		if _, err := c.Write([]byte("s")); err != nil {
			t.Fatal(err)
		}
		back = append(back, bytes.Clone(m.out.Bytes()))
		got, err := receive(server, id, 0, arrange(r, other, back)...)
		if string(got) != want || !errors.Is(err, wantErr) && (err != nil || wantErr != nil) {
			t.Errorf("%s: %q %v, want %q %v", name, got, err, want, wantErr)
		}
	}
	f("in order", "abc", nil, func(r, _, _ [][]byte) [][]byte { return r })
	f("first twice", "a", ErrRecord, func(r, _, _ [][]byte) [][]byte { return [][]byte{r[0], r[0], r[1]} })
	f("second missing", "a", ErrRecord, func(r, _, _ [][]byte) [][]byte { return [][]byte{r[0], r[2], r[3]} })
	f("exchanged", "", ErrRecord, func(r, _, _ [][]byte) [][]byte { return [][]byte{r[1], r[0], r[2], r[3]} })
	f("end too early", "a", ErrRecord, func(r, _, _ [][]byte) [][]byte { return [][]byte{r[0], r[3]} })
	f("of another stream", "a", ErrRecord, func(r, o, _ [][]byte) [][]byte { return [][]byte{r[0], o[1]} })
	f("other stream's end", "abc", ErrRecord, func(r, o, _ [][]byte) [][]byte { return [][]byte{r[0], r[1], r[2], o[3]} })
	f("own direction's", "", ErrRecord, func(_, _, b [][]byte) [][]byte { return b })
	f("after the end", "abc", nil, func(r, _, _ [][]byte) [][]byte { return append(r, r[0], []byte("junk")) })
	f("invented end", "a", ErrRecord, func(r, _, _ [][]byte) [][]byte {
		return [][]byte{r[0], append([]byte{kindEnd, 0, 0, tagSize}, make([]byte, tagSize)...)}
	})
	f("empty data", "a", ErrRecord, func(r, _, _ [][]byte) [][]byte {
		return [][]byte{r[0], append([]byte{kindData, 0, 0, tagSize}, make([]byte, tagSize)...)}
	})
	f("data called end", "", ErrRecord, func(r, _, _ [][]byte) [][]byte {
		return [][]byte{append([]byte{kindEnd}, r[0][1:]...)}
	})
}

// Errors are final: a stream that was attacked stays broken.
func TestReadErrorIsFinal(t *testing.T) {
	client, server := sessions(t)
	r := records(t, client, 0, []byte("a"))
	bad := bytes.Clone(r[0])
	bad[6] ^= 1
	m := &memory{in: bytes.NewReader(bytes.Join([][]byte{bad, r[0], r[1]}, nil))}
	c := server.Stream(m, 0, false)
	for range 3 {
		if n, err := c.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrRecord) {
			t.Fatal(n, err)
		}
	}
}

func TestWriteErrorIsFinal(t *testing.T) {
	client, _ := sessions(t)
	m := &memory{in: bytes.NewReader(nil), writeErr: io.ErrClosedPipe}
	c := client.Stream(m, 0, true)
	for range 3 {
		if n, err := c.Write([]byte("a")); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
			t.Fatal(n, err)
		}
		m.writeErr = nil // recovering does not help: the peer may have half a record
	}
	if err := c.CloseWrite(); !errors.Is(err, io.ErrClosedPipe) || m.out.Len() > 0 {
		t.Fatal(err)
	}
}

func TestClose(t *testing.T) {
	client, server := sessions(t)
	m := &memory{in: bytes.NewReader(nil)}
	c := client.Stream(m, 0, true)
	if _, err := c.Write([]byte("all")); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil || m.halfClose != 1 {
		t.Fatal(err, m.halfClose)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, ErrWriteClosed) || !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err != nil || !m.closed {
			t.Fatal(err)
		}
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if got, err := receive(server, 0, 0, m.out.Bytes()); err != nil || string(got) != "all" {
		t.Fatal(string(got), err)
	}
	if c.in.secret != [32]byte{} || c.out.secret != [32]byte{} {
		t.Fatal("secrets are left after Close")
	}

	m = &memory{in: bytes.NewReader(nil)}
	if err := client.Stream(m, 4, true).Close(); err != nil { // Close alone ends the stream properly
		t.Fatal(err)
	}
	if got, err := receive(server, 4, 0, m.out.Bytes()); err != nil || len(got) > 0 {
		t.Fatal(err)
	}
}

// Close must not wait for a peer that does not read, and must end a blocked
// Write and a blocked Read.
func TestCloseUnblocks(t *testing.T) {
	client, _ := sessions(t)
	synctest.Test(t, func(t *testing.T) {
		cc, _ := net.Pipe()
		c := client.Stream(cc, 0, true)
		errs := make(chan error, 2)
		go func() { _, err := c.Write(make([]byte, 100)); errs <- err }()
		go func() { _, err := c.Read(make([]byte, 100)); errs <- err }()
		synctest.Wait()
		start := time.Now()
		_ = c.Close()
		for range 2 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
		if time.Since(start) > 0 {
			t.Error("Close waited although a Write was under way")
		}
		cc, _ = net.Pipe()
		start = time.Now()
		_ = client.Stream(cc, 4, true).Close()
		if time.Since(start) > closeTimeMax {
			t.Error("Close waited", time.Since(start))
		}
	})
}

func TestDeadlineThenGoOn(t *testing.T) {
	client, server := sessions(t)
	synctest.Test(t, func(t *testing.T) {
		cc, sc := net.Pipe()
		raw := bytes.Join(records(t, client, 0, []byte("hello"), make([]byte, 5000)), nil)
		s := server.Stream(sc, 0, false)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, b := range raw {
				_, _ = cc.Write([]byte{b})
				<-time.After(time.Millisecond)
			}
		}()
		var got []byte
		timeouts := 0
		for {
			_ = s.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			b := make([]byte, 700)
			n, err := s.Read(b)
			got = append(got, b[:n]...)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				timeouts++
				continue
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		<-done
		if len(got) != 5005 || timeouts < 100 {
			t.Fatal(len(got), timeouts)
		}
	})
}

func TestStreamMisuse(t *testing.T) {
	client, server := sessions(t)
	f := func(s *Session, id uint64, initiator bool, want error) {
		t.Helper()
		m := &memory{in: bytes.NewReader(nil)}
		c := s.Stream(m, id, initiator)
		_, werr := c.Write([]byte("x"))
		if !errors.Is(werr, want) || want != nil && m.out.Len() > 0 {
			t.Errorf("stream %d: write %v, want %v", id, werr, want)
		}
		if want != nil {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, want) {
				t.Errorf("stream %d: read %v, want %v", id, err, want)
			}
			if err := c.CloseWrite(); !errors.Is(err, want) {
				t.Errorf("stream %d: close write %v, want %v", id, err, want)
			}
			if _, err := c.Write(nil); !errors.Is(err, want) {
				t.Errorf("stream %d: empty write %v, want %v", id, err, want)
			}
		}
		if err := c.Close(); err != nil || !m.closed {
			t.Error(err)
		}
	}
	f(client, 0, true, nil)
	f(client, 0, true, ErrStreamReused)
	f(client, 1, true, nil)
	f(client, 40, true, nil)
	f(client, 8, true, nil) // behind, but free
	f(client, 8, true, ErrStreamReused)
	f(client, 4*100_000, true, nil)
	f(client, 12, true, ErrStreamReused) // too far behind to be told
	f(client, 4*(100_000-streamWindowSize+1), true, nil)
	f(client, 4*(100_000-streamWindowSize), true, ErrStreamReused)
	f(client, 5, true, nil) // another class
	f(client, 1<<62-1, true, nil)
	f(client, 1<<64-1, true, nil)
	f(client, 1<<64-1, true, ErrStreamReused)
	f(client, 48, false, ErrRole)
	f(server, 48, true, ErrRole)
	f(server, 0, false, nil)
}

func TestRekeying(t *testing.T) {
	client, server := sessions(t)
	for i, limits := range [][2]uint64{{1, 1 << 40}, {1 << 40, 1}, {100_000, 3}, {40_000, 1 << 40}} {
		cc, sc := net.Pipe()
		a, b := client.Stream(cc, uint64(i*4), true), server.Stream(sc, uint64(i*4), false)
		setLimits(a, limits[0], limits[1])
		setLimits(b, limits[0], limits[1])
		first := a.out.secret
		want := make([]byte, 500_000)
		_, _ = rand.Read(want)
		go func() {
			_, _ = a.Write(want)
			_ = a.CloseWrite()
		}()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) || a.out.secret == first {
			t.Fatalf("limits %v: %d bytes, %v", limits, len(got), err)
		}
	}
}

// Both ends must change keys at the same place; one that does not is cut off.
func TestRekeyingDisagreement(t *testing.T) {
	client, server := sessions(t)
	cc, sc := net.Pipe()
	a, b := client.Stream(cc, 0, true), server.Stream(sc, 0, false)
	setLimits(a, 10, 10)
	go func() { _, _ = a.Write(make([]byte, 2*RecordBytes)); _ = a.Close() }()
	if n, err := io.Copy(io.Discard, b); n != RecordBytes || !errors.Is(err, ErrRecord) {
		t.Fatal(n, err)
	}
	_ = b.Close()
}

func TestConcurrentUse(t *testing.T) {
	client, server := sessions(t)
	cc, sc := net.Pipe()
	a, b := client.Stream(cc, 0, true), server.Stream(sc, 0, false)
	setLimits(a, 50_000, 7)
	setLimits(b, 50_000, 7)
	const writers, rounds, size = 4, 50, 1000
	var wg sync.WaitGroup
	for _, c := range []*Conn{a, b} {
		for w := range writers {
			wg.Go(func() {
				for range rounds {
					if _, err := c.Write(bytes.Repeat([]byte{byte(w)}, size)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			block := make([]byte, size)
			for range writers * rounds {
				if _, err := io.ReadFull(c, block); err != nil || bytes.Count(block, block[:1]) != size {
					t.Error("a Write was torn apart, or ", err)
					return
				}
			}
		})
	}
	for i := range 4 {
		wg.Go(func() {
			for n := range 50 {
				_ = client.Export("x", 32)
				m := &memory{in: bytes.NewReader(nil)}
				_, _ = client.Stream(m, uint64(4*(n*4+i)+1), true).Write([]byte("x"))
			}
		})
	}
	wg.Wait()
}
