package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"fengsui/gmcrypto/channel"
	"fengsui/gmcrypto/identity"
)

// carrierStream gives a QUIC stream the shape of a net.Conn for the channel. Its errors are this package's.
type carrierStream struct {
	*quic.Stream
	q *quic.Conn
}

func (s *carrierStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = carrierError(err)
	}
	return n, err
}

func (s *carrierStream) Write(p []byte) (int, error) {
	n, err := s.Stream.Write(p)
	return n, carrierError(err)
}

// Close ends both directions: a QUIC stream whose read side is left open counts against the peer's limit for ever.
func (s *carrierStream) Close() error {
	s.CancelRead(streamDone)
	return s.CloseWrite()
}

// CloseWrite ends our direction only. QUIC's complaint that the direction was cancelled before is no error: the peer may
// have read the sealed end, which is what counts, and gone before the carrier's end was sent.
func (s *carrierStream) CloseWrite() error {
	_ = s.Stream.Close()
	return nil
}

func (s *carrierStream) LocalAddr() net.Addr  { return s.q.LocalAddr() }
func (s *carrierStream) RemoteAddr() net.Addr { return s.q.RemoteAddr() }

// Stream is one sealed stream to or from an authenticated peer. It is a net.Conn.
type Stream struct {
	conn   *conn
	raw    *carrierStream
	sealed *channel.Conn
	kind   Kind

	writing   atomic.Int32
	closeOnce sync.Once
	closeErr  error
	done      chan struct{}
}

var _ net.Conn = (*Stream)(nil)

func (c *conn) newStream(qs *quic.Stream) *Stream {
	raw := &carrierStream{Stream: qs, q: c.q}
	return &Stream{
		conn: c, raw: raw, done: make(chan struct{}),
		sealed: c.sess.Stream(raw, uint64(qs.StreamID()), c.dialed),
	}
}

// Peer is who is at the other end.
func (s *Stream) Peer() identity.Peer { return s.conn.peer }

// Kind is what the stream is for.
func (s *Stream) Kind() Kind { return s.kind }

// Done is closed when this side has closed the stream.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Read reads what the peer has written. io.EOF means that the peer has closed its direction in order; anything else,
// the loss of the connection included, is an error.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.sealed.Read(p)
	s.conn.t.stats.bytesReceived.Add(uint64(n))
	return n, err
}

// Write seals p and sends it. One large Write costs less than many small ones: each makes at least one record.
func (s *Stream) Write(p []byte) (int, error) {
	s.writing.Add(1)
	defer s.writing.Add(-1)
	n, err := s.sealed.Write(p)
	s.conn.t.stats.bytesSent.Add(uint64(n))
	return n, err
}

// CloseWrite ends our direction in order: the peer reads io.EOF after what was written. Reading goes on.
func (s *Stream) CloseWrite() error {
	if err := s.sealed.CloseWrite(); err != nil {
		return fmt.Errorf("close write: %w", err)
	}
	return nil
}

// Close ends both directions: ours in order, the peer's by telling it that nobody reads any more. What has been written
// is still delivered while the connection stands. A Write that is blocked in another goroutine fails, and then the peer
// sees a reset instead of an end. Close does not wait for the peer; a second Close returns the first one's result.
func (s *Stream) Close() error {
	s.closeOnce.Do(func() {
		defer func() {
			close(s.done)
			s.conn.streamEnded()
		}()
		if s.writing.Load() > 0 {
			s.reset(streamAborted)
		}
		if err := s.sealed.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.closeErr = fmt.Errorf("close stream: %w", err)
		}
	})
	return s.closeErr
}

// Reset ends both directions at once; the peer's reads fail, and what has not been delivered is dropped.
func (s *Stream) Reset() {
	s.reset(streamAborted)
	_ = s.Close()
}

func (s *Stream) reset(code quic.StreamErrorCode) {
	s.raw.CancelRead(code)
	s.raw.CancelWrite(code)
}

// LocalAddr is the address of this node's socket.
func (s *Stream) LocalAddr() net.Addr { return s.raw.LocalAddr() }

// RemoteAddr is where the peer's packets come from.
func (s *Stream) RemoteAddr() net.Addr { return s.raw.RemoteAddr() }

// SetDeadline sets both deadlines. A read or write that misses its deadline fails with os.ErrDeadlineExceeded.
func (s *Stream) SetDeadline(t time.Time) error { return s.sealed.SetDeadline(t) }

// SetReadDeadline sets the deadline of reads.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.sealed.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of writes.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.sealed.SetWriteDeadline(t) }

// panicText words a recovered value in at most 200 bytes.
func panicText(v any) string {
	s := fmt.Sprint(v)
	if len(s) > 200 {
		s = s[:200]
	}
	return s
}

func stack() string { return string(debug.Stack()) }
