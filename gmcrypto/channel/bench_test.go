package channel

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"

	"fengsui/gmcrypto/identity"
)

// loop is a carrier that gives back what was written, without copying twice.
type loop struct {
	memory
	buf []byte
}

func (l *loop) Write(p []byte) (int, error) { l.buf = append(l.buf, p...); return len(p), nil }
func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.buf)
	l.buf = l.buf[:copy(l.buf, l.buf[n:])]
	return n, nil
}

// loopStream is a stream whose two ends are in one place.
func loopStream(t testing.TB) (w, r *Conn) {
	client, server := sessions(t)
	l := &loop{memory: memory{in: bytes.NewReader(nil)}, buf: make([]byte, 0, 1<<20)}
	return client.Stream(l, 0, true), server.Stream(l, 0, false)
}

func TestStreamAllocations(t *testing.T) {
	for _, size := range []int{1, 300, RecordBytes, 3 * RecordBytes} {
		for _, room := range []int{7, 4096, 128 << 10} {
			w, r := loopStream(t)
			data, into := make([]byte, size), make([]byte, min(room, size))
			allocs := testing.AllocsPerRun(100, func() {
				if _, err := w.Write(data); err != nil {
					t.Error(err)
				}
				for left := size; left > 0; {
					n, err := r.Read(into[:min(left, len(into))])
					if err != nil {
						t.Error(err)
						return
					}
					left -= n
				}
			})
			if allocs != 0 && !raceDetector {
				t.Errorf("%d bytes read by %d: %v allocations, want 0", size, room, allocs)
			}
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{64, 300, 1 << 10, 4 << 10, 32 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			w, r := loopStream(b)
			data, into := make([]byte, size), make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = w.Write(data)
				if _, err := io.ReadFull(r, into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func tcpPair(b *testing.B) (net.Conn, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 1)
	go func() { c, _ := l.Accept(); accepted <- c }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	return c, <-accepted
}

// BenchmarkStreamTCP is MB/s through a stream over loopback TCP, both ends in
// this process.
func BenchmarkStreamTCP(b *testing.B) {
	for _, size := range []int{1 << 10, 32 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("write%dKiB", size>>10), func(b *testing.B) {
			client, server := sessions(b)
			cc, sc := tcpPair(b)
			w, r := client.Stream(cc, 0, true), server.Stream(sc, 0, false)
			done := make(chan error, 1)
			go func() { _, err := io.Copy(io.Discard, r); done <- err }()
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := w.Write(data); err != nil {
					b.Fatal(err)
				}
			}
			_ = w.Close()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkHandshake is both sides of a full handshake over a pipe. "known" has
// the authorities' signatures remembered, as a running node has.
func BenchmarkHandshake(b *testing.B) {
	for _, known := range []bool{true, false} {
		b.Run(fmt.Sprintf("known=%v", known), func(b *testing.B) {
			h := newHouse(b)
			client, server := h.config(h.cityN), h.config(h.province)
			if known {
				trust := identity.NewTrust(h.root)
				client.Verify = func(c []*identity.Certificate) (identity.Peer, error) { return trust.Verify(c, h.now) }
				server.Verify = client.Verify
			}
			ch, sh := sides(client, server)
			b.ReportAllocs()
			for b.Loop() {
				cc, sc := net.Pipe()
				if c, s := handshakeOn(b, ch, sh, cc, sc); c.err != nil || s.err != nil {
					b.Fatal(c.err, s.err)
				}
			}
		})
	}
}

func BenchmarkOpenStream(b *testing.B) {
	client, _ := sessions(b)
	m := &memory{in: bytes.NewReader(nil)}
	id := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		client.Stream(m, id, true)
		id += 4
	}
}

func BenchmarkDatagram(b *testing.B) {
	client, server := sessions(b)
	payload, sealed, opened := make([]byte, 1100), make([]byte, 0, 1200), make([]byte, 0, 1200)
	b.SetBytes(1100)
	b.ReportAllocs()
	for b.Loop() {
		sealed = client.Datagrams().Seal(sealed[:0], payload)
		var err error
		if opened, err = server.Datagrams().Open(opened[:0], sealed); err != nil {
			b.Fatal(err)
		}
	}
}
