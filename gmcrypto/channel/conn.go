package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A record is
//
//	0  1  kind: 1 data, 2 end of stream
//	1  3  length of what follows, big endian
//	4  …  SM4-GCM ciphertext and 16-byte tag; the four bytes above are its
//	      additional data, the nonce is IV xor record counter
const (
	recordHeaderSize = 4
	recordOverhead   = recordHeaderSize + tagSize

	kindData = 1
	kindEnd  = 2

	// RecordBytes is how much plaintext Write puts into one record.
	RecordBytes = 32 << 10
	// RecordBytesMax is how much plaintext a received record may have.
	RecordBytesMax = 64 << 10

	// closeTimeMax is how long Close tries to send the end of the stream.
	closeTimeMax = time.Second
	// emptyReadsMax is how many times a carrier may return nothing and no error.
	emptyReadsMax = 100
)

// errEnd is the peer's authenticated end, which the carrier's io.EOF is not.
var errEnd = errors.New("end of stream")

// Conn is one stream of a session: a net.Conn whose bytes are encrypted and
// authenticated, and whose end is too. Reads and writes may run at once.
//
// A Read that runs into a deadline may be repeated; every other read error is
// final. The first write error is final: part of a record may have been sent.
type Conn struct {
	c       net.Conn
	buffers *bufferPool
	closed  atomic.Bool

	rmu    sync.Mutex // guards the reading half
	in     direction
	header [recordHeaderSize]byte
	have   int     // bytes read of header, then of header and body
	body   *buffer // body of the record being read, or rest of the one being delivered
	plain  []byte  // what is left to deliver, inside body
	rerr   error

	wmu   sync.Mutex // guards the writing half
	out   direction
	ended bool
	werr  error
}

func newConn(c net.Conn, buffers *bufferPool, in, out [32]byte) *Conn {
	return &Conn{c: c, buffers: buffers, in: newDirection(in), out: newDirection(out)}
}

func brokenConn(c net.Conn, err error) *Conn {
	return &Conn{c: c, rerr: err, werr: err}
}

// Read returns decrypted bytes; io.EOF only after the peer's authenticated end,
// ErrTruncated if the carrier ends before it, ErrRecord for anything forged.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for len(c.plain) == 0 {
		if c.rerr != nil {
			return 0, c.rerr
		}
		n, err := c.readRecord(p)
		if err != nil {
			return 0, c.readFailed(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	n := copy(p, c.plain)
	if c.plain = c.plain[n:]; len(c.plain) == 0 {
		c.release()
	}
	return n, nil
}

// readRecord reads the next record, going on where a deadline interrupted it. It
// decrypts into p when p has room for all of it, else into c.plain.
func (c *Conn) readRecord(p []byte) (int, error) {
	if err := c.fill(c.header[:], 0); err != nil {
		return 0, err
	}
	kind, size := c.header[0], int(binary.BigEndian.Uint32(c.header[:])&0xffffff)
	switch {
	case kind == kindData && size > tagSize && size <= RecordBytesMax+tagSize:
	case kind == kindEnd && size == tagSize:
	default:
		return 0, fmt.Errorf("%w: kind %d with %d bytes", ErrRecord, kind, size)
	}
	if c.body == nil {
		c.body = c.buffers.get(size)
	}
	sealed := c.body.b[:size]
	if err := c.fill(sealed, recordHeaderSize); err != nil {
		return 0, err
	}
	direct := len(p) >= size-tagSize
	dst := sealed[:0]
	if direct {
		dst = p[:0]
	}
	plain, err := c.in.aead.Open(dst, c.in.current(), sealed, c.header[:])
	if err != nil {
		return 0, ErrRecord
	}
	c.in.spent(len(plain))
	c.have = 0
	if kind == kindEnd {
		return 0, errEnd
	}
	if direct {
		c.release()
		return len(plain), nil
	}
	c.plain = plain
	return 0, nil
}

// fill reads into b until it is full; offset is where b begins in the record.
func (c *Conn) fill(b []byte, offset int) error {
	empty := 0
	for c.have < offset+len(b) {
		n, err := c.c.Read(b[c.have-offset:])
		c.have += n
		switch {
		case n > 0:
			empty = 0
		case err != nil:
			return err
		default:
			if empty++; empty == emptyReadsMax {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// readFailed turns the carrier's error into ours and makes it final, unless it
// is a deadline.
func (c *Conn) readFailed(err error) error {
	var timeout net.Error
	switch {
	case c.closed.Load():
		err = net.ErrClosed
	case errors.Is(err, errEnd):
		err = io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = ErrTruncated
	case errors.As(err, &timeout) && timeout.Timeout():
		return err
	}
	c.rerr = err
	c.release()
	c.in.wipe()
	return err
}

// release gives the buffer back: an idle stream holds none.
func (c *Conn) release() {
	c.plain = nil
	if c.body != nil {
		c.buffers.put(c.body)
		c.body = nil
	}
}

// Write sends p as records of RecordBytes. It returns how much of p went out in
// whole records.
func (c *Conn) Write(p []byte) (int, error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	written := 0
	for len(p) > 0 {
		n := min(len(p), RecordBytes)
		if err := c.writeRecord(kindData, p[:n]); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, c.werr
}

// writeRecord is called with wmu held.
func (c *Conn) writeRecord(kind byte, p []byte) error {
	switch {
	case c.werr != nil:
		return c.werr
	case c.ended:
		return ErrWriteClosed
	}
	size := recordOverhead + len(p)
	buf := c.buffers.get(size)
	defer c.buffers.put(buf)
	binary.BigEndian.PutUint32(buf.b, uint32(len(p)+tagSize))
	buf.b[0] = kind
	header := buf.b[:recordHeaderSize]
	c.out.aead.Seal(buf.b[recordHeaderSize:recordHeaderSize], c.out.current(), p, header)
	c.out.spent(len(p))
	n, err := c.c.Write(buf.b[:size])
	if err == nil && n < size {
		err = io.ErrShortWrite
	}
	if err != nil {
		if c.closed.Load() {
			err = net.ErrClosed
		}
		c.werr = err
		c.out.wipe()
	}
	return err
}

// CloseWrite sends the authenticated end of the stream and, where the carrier
// can, closes its sending side. The peer then reads io.EOF. Reading goes on.
func (c *Conn) CloseWrite() error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.ended && c.werr == nil {
		return nil
	}
	if err := c.writeRecord(kindEnd, nil); err != nil {
		return err
	}
	c.ended = true
	if half, ok := c.c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close sends the authenticated end, unless a Write is under way (the peer then
// learns that the stream was cut off), and closes the carrier. Idempotent.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	if c.wmu.TryLock() {
		if c.werr == nil && !c.ended {
			_ = c.c.SetWriteDeadline(time.Now().Add(closeTimeMax))
			_ = c.writeRecord(kindEnd, nil) // failing, the peer sees a truncated stream: the truth
			c.ended = true
		}
		c.out.wipe()
		c.wmu.Unlock()
	}
	err := c.c.Close()
	if c.rmu.TryLock() {
		c.rerr = net.ErrClosed
		c.release()
		c.in.wipe()
		c.rmu.Unlock()
	}
	return err
}

// LocalAddr is the carrier's.
func (c *Conn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// RemoteAddr is the carrier's.
func (c *Conn) RemoteAddr() net.Addr { return c.c.RemoteAddr() }

// SetDeadline sets the carrier's deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.c.SetDeadline(t) }

// SetReadDeadline sets the carrier's read deadline.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.c.SetReadDeadline(t) }

// SetWriteDeadline sets the carrier's write deadline. A write that runs into it
// ends the stream's writing side.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.c.SetWriteDeadline(t) }
