package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Message is a frame: protobuf that can tell whether it keeps to the rules.
type Message interface {
	proto.Message
	Check() error
}

// Conn reads and writes frames on a stream. One goroutine may read while any number write.
type Conn struct {
	conn net.Conn
	r    *bufio.Reader

	mu  sync.Mutex // guards writing
	buf []byte
	err error // first write error; sticky, because half a frame may be out
}

// NewConn frames c. The caller still closes c.
func NewConn(c net.Conn) *Conn {
	return &Conn{conn: c, r: bufio.NewReaderSize(c, 32<<10)}
}

// Read reads the next frame into m and checks it. A clean end of the stream is io.EOF; a frame
// that is too large, does not decode, or breaks a rule is an *Error with CodeMalformed or
// CodeTooLarge. After an error the stream is of no further use.
func (c *Conn) Read(m Message) error {
	err := protodelim.UnmarshalOptions{MaxSize: FrameBytesMax}.UnmarshalFrom(c.r, m)
	var tooLarge *protodelim.SizeTooLargeError
	switch {
	case err == nil:
		return m.Check()
	case errors.As(err, &tooLarge):
		return Refuse(CodeTooLarge, "frame of %d bytes, at most %d allowed", tooLarge.Size, tooLarge.MaxSize)
	case isDecoding(err):
		return Refuse(CodeMalformed, "frame does not decode: %w", err)
	}
	return err
}

// ReadWithin is Read with a deadline for this frame only.
func (c *Conn) ReadWithin(d time.Duration, m Message) error {
	if err := c.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return fmt.Errorf("setting read deadline: %w", err)
	}
	if err := c.Read(m); err != nil {
		return err
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("clearing read deadline: %w", err)
	}
	return nil
}

// Write sends m as one frame with one Write call, within WriteTimeout. The first error stays:
// later calls return it.
func (c *Conn) Write(m Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	size := proto.Size(m)
	if size > FrameBytesMax {
		return Refuse(CodeTooLarge, "frame of %d bytes to send, at most %d allowed", size, FrameBytesMax)
	}
	buf := protowire.AppendVarint(c.buf[:0], uint64(size))
	buf, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(buf, m)
	if err != nil {
		return fmt.Errorf("encoding frame: %w", err)
	}
	c.buf = buf
	if err := c.conn.SetWriteDeadline(time.Now().Add(WriteTimeout)); err != nil {
		c.err = fmt.Errorf("setting write deadline: %w", err)
		return c.err
	}
	if _, err := c.conn.Write(buf); err != nil {
		c.err = fmt.Errorf("writing frame: %w", err)
		return c.err
	}
	return nil
}

// Close closes the stream under c. Whoever gives up writing must call it: a peer that was only
// slow would otherwise wait for ever on a stream that is no longer written.
func (c *Conn) Close() error { return c.conn.Close() }

// Bind closes c when ctx ends, so that blocked reads and writes return. The returned function
// undoes it and closes c too; call it when the session is over.
func Bind(ctx context.Context, c net.Conn) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	return func() {
		stop()
		_ = c.Close()
	}
}

// Ended tells whether a session's error is only its ordinary end: the peer closed the stream,
// or we did.
func Ended(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, context.Canceled)
}

// isDecoding tells protobuf's complaint about the bytes from an error of the carrier.
func isDecoding(err error) bool {
	return errors.Is(err, proto.Error)
}
