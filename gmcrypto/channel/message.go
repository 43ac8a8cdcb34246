package channel

import (
	"encoding/binary"
	"fmt"
	"io"

	"fengsui/gmcrypto/identity"
)

// Every message is a frame:
//
//	0  4  magic "FSCH"
//	4  1  protocol version, 1
//	5  1  type
//	6  2  length of the body, big endian
//	8  …  body
const (
	frameMagic      = "FSCH"
	protocolVersion = 1
	frameHeaderSize = 8

	typeHello   = 1   // client to server
	typeReply   = 2   // server to client
	typeConfirm = 3   // client to server
	typeRefusal = 255 // either way, instead of the next message
)

const (
	// suiteSM is the only suite: SM2 key exchange, SM3, SM4-GCM.
	suiteSM = 1

	pointSize   = 64 // x || y, without the 0x04 in front
	confirmSize = 32
	suiteSize   = 4 // suite(2) || reserved(2), zero

	// bodyBytesMax caps hello and reply before anything is known of the peer: a
	// chain of eight ordinary certificates is under 6 KiB.
	bodyBytesMax = 24 << 10
)

// hello is message 1, client to server; the body is
//
//	0   2   suite, 1
//	2   2   reserved, zero
//	4   64  RA, the client's ephemeral point
//	68  …   certificate chain
type hello []byte

func newHello(point []byte, chain []*identity.Certificate) (hello, error) {
	m := newFrame(typeHello)
	m = binary.BigEndian.AppendUint16(m, suiteSM)
	m = binary.BigEndian.AppendUint16(m, 0)
	m = append(m, point...)
	m, err := appendChain(m, chain)
	if err != nil {
		return nil, err
	}
	return hello(m), setLength(m)
}

func (m hello) body() []byte     { return m[frameHeaderSize:] }
func (m hello) point() []byte    { return m.body()[suiteSize : suiteSize+pointSize] }
func (m hello) chain() []byte    { return m.body()[suiteSize+pointSize:] }
func (m hello) suite() uint16    { return binary.BigEndian.Uint16(m.body()) }
func (m hello) reserved() uint16 { return binary.BigEndian.Uint16(m.body()[2:]) }

// check holds a received hello to its form; after it the accessors are safe.
func (m hello) check() error {
	if len(m.body()) < suiteSize+pointSize {
		return fmt.Errorf("%w: hello has %d bytes", ErrMalformed, len(m.body()))
	}
	if m.suite() != suiteSM {
		return fmt.Errorf("%w: suite %d, want %d", ErrVersion, m.suite(), suiteSM)
	}
	if m.reserved() != 0 {
		return fmt.Errorf("%w: reserved field is %d", ErrMalformed, m.reserved())
	}
	return nil
}

// reply is message 2, server to client; the body is
//
//	0    64  RB, the server's ephemeral point
//	64   …   certificate chain
//	end  32  SB, the server's key confirmation, over all that stands before it
type reply []byte

// newReply leaves SB zero; setConfirm fills it.
func newReply(point []byte, chain []*identity.Certificate) (reply, error) {
	m := newFrame(typeReply)
	m = append(m, point...)
	m, err := appendChain(m, chain)
	if err != nil {
		return nil, err
	}
	m = append(m, make([]byte, confirmSize)...)
	return reply(m), setLength(m)
}

func (m reply) body() []byte    { return m[frameHeaderSize:] }
func (m reply) point() []byte   { return m.body()[:pointSize] }
func (m reply) chain() []byte   { return m[frameHeaderSize+pointSize : len(m)-confirmSize] }
func (m reply) signed() []byte  { return m[:len(m)-confirmSize] }
func (m reply) confirm() []byte { return m[len(m)-confirmSize:] }

func (m reply) check() error {
	if len(m.body()) < pointSize+confirmSize {
		return fmt.Errorf("%w: reply has %d bytes", ErrMalformed, len(m.body()))
	}
	return nil
}

// confirm is message 3, client to server; the body is SA, 32 bytes.
type confirm []byte

func newConfirm(sa []byte) confirm {
	m := append(newFrame(typeConfirm), sa...)
	m[7] = confirmSize
	return m
}

func (m confirm) value() []byte { return m[frameHeaderSize:] }

// newRefusal is sent instead of the next message; the body is one byte, a Hint.
func newRefusal(h Hint) []byte {
	m := append(newFrame(typeRefusal), byte(h))
	m[7] = 1
	return m
}

func newFrame(kind byte) []byte {
	m := make([]byte, 0, 2048)
	m = append(m, frameMagic...)
	return append(m, protocolVersion, kind, 0, 0)
}

func setLength(m []byte) error {
	n := len(m) - frameHeaderSize
	if n > bodyBytesMax {
		return fmt.Errorf("%w: our certificates make a message of %d bytes, at most %d", ErrConfig, n, bodyBytesMax)
	}
	binary.BigEndian.PutUint16(m[6:], uint16(n))
	return nil
}

// appendChain writes count(1), then for each certificate length(2) and DER.
func appendChain(m []byte, chain []*identity.Certificate) ([]byte, error) {
	if len(chain) == 0 || len(chain) > identity.ChainMax {
		return nil, fmt.Errorf("%w: our chain has %d certificates, want 1 to %d", ErrConfig, len(chain), identity.ChainMax)
	}
	m = append(m, byte(len(chain)))
	for _, c := range chain {
		der := c.Raw()
		m = binary.BigEndian.AppendUint16(m, uint16(len(der)))
		m = append(m, der...)
	}
	return m, nil
}

// parseChain reads what appendChain wrote, all of it.
func parseChain(b []byte) ([]*identity.Certificate, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: no certificates", ErrMalformed)
	}
	count, b := int(b[0]), b[1:]
	if count == 0 || count > identity.ChainMax {
		return nil, fmt.Errorf("%w: %d certificates, want 1 to %d", ErrMalformed, count, identity.ChainMax)
	}
	chain := make([]*identity.Certificate, 0, count)
	for i := range count {
		if len(b) < 2 {
			return nil, fmt.Errorf("%w: certificate %d of %d is cut off", ErrMalformed, i+1, count)
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n > len(b) {
			return nil, fmt.Errorf("%w: certificate %d of %d is cut off", ErrMalformed, i+1, count)
		}
		c, err := identity.ParseDER(b[:n])
		if err != nil {
			return nil, fmt.Errorf("%w: certificate %d of %d: %w", ErrMalformed, i+1, count, err)
		}
		chain = append(chain, c)
		b = b[n:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the certificates", ErrMalformed, len(b))
	}
	return chain, nil
}

// readMessage reads one frame of the wanted type and not one byte more. The
// length is checked before memory is taken for it.
func readMessage(r io.Reader, want byte) ([]byte, error) {
	var h [frameHeaderSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	if string(h[:4]) != frameMagic {
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrMalformed, frameMagic)
	}
	kind, n := h[5], int(binary.BigEndian.Uint16(h[6:]))
	if h[4] != protocolVersion {
		// Magic, version, type and length stay where they are in every version.
		// Reading the body lets the peer finish writing and hear why.
		_, _ = io.CopyN(io.Discard, r, int64(min(n, bodyBytesMax)))
		return nil, fmt.Errorf("%w: %d, want %d", ErrVersion, h[4], protocolVersion)
	}
	low, high := 0, 0
	switch {
	case kind == typeRefusal:
		low, high = 1, 1
	case kind != want:
		return nil, fmt.Errorf("%w: type %d, want %d", ErrMalformed, kind, want)
	case kind == typeConfirm:
		low, high = confirmSize, confirmSize
	default:
		high = bodyBytesMax
	}
	if n < low || n > high {
		return nil, fmt.Errorf("%w: type %d with %d bytes, want %d to %d", ErrMalformed, kind, n, low, high)
	}
	m := make([]byte, frameHeaderSize+n)
	copy(m, h[:])
	if _, err := io.ReadFull(r, m[frameHeaderSize:]); err != nil {
		return nil, err
	}
	if kind == typeRefusal {
		return nil, &RefusedError{Hint: Hint(m[frameHeaderSize])}
	}
	return m, nil
}
