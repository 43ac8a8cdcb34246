package quic

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/tls"
)

const (
	packetsMax  = 16
	helloMax    = 64 << 10
	piecesMax   = 64
	connIDMax   = 20
	clientHello = 1
	serverHello = 2
)

// Recognise is the proto.Recogniser of QUIC: long headers of known versions (RFC 8999, 9000, 9369, drafts, Google's).
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Datagram || len(b) < 7 {
		return proto.No
	}
	if b[0]&0x80 != 0 {
		h, ok := readHeader(b)
		if !ok || h.version == 0 {
			return proto.No
		}
		v := h.version
		known := saltOf(v) != "" || v>>24 == 'Q' && b[2] == '0' || v>>8 == 0xff0000 || v>>24 == 'T' && b[2] == '0'
		// Versions to come (RFC 8999) are taken where QUIC lives, reserved ones (RFC 9000 15) as well.
		if known || p.Port(443) && (v&0x0f0f0f0f == 0x0a0a0a0a) {
			return proto.Yes
		}
		return proto.No
	}
	if version, _, ok := publicHeader(b); ok && version[0] == 'Q' && (p.Port(443) || p.Port(80)) {
		return proto.Yes
	}
	return proto.No
}

// half is one direction of the parser.
type half struct {
	hello  []byte  // from its first byte, as far as it is contiguous
	pieces []piece // behind that
	held   int     // bytes in pieces
	done   bool
}

// piece is a part of a hello that came early.
type piece struct {
	at int
	b  []byte
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	keys *keys
	half [2]half
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	whole := len(b)
	for range packetsMax {
		if len(b) == 0 || p.half[dir].done {
			break
		}
		n := p.packet(c, dir, b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	if p.half[0].done && p.half[1].done {
		return whole, proto.Stop
	}
	return whole, proto.Continue
}

// header is a long header.
type header struct {
	version uint32
	kind    uint8 // as version 1 numbers it
	id      []byte
	at      int // of the packet number
	end     int // of the packet; 0 when its length is not told
}

// Packet types of version 1 (RFC 9000 17.2).
const (
	typeInitial = 0
	typeRetry   = 3
)

// readHeader reads a long header (RFC 8999 5.1, RFC 9000 17.2).
func readHeader(b []byte) (h header, ok bool) {
	if len(b) < 7 || b[0]&0x80 == 0 {
		return h, false
	}
	h.version = be.Uint32(b[1:])
	n := int(b[5])
	if n > connIDMax || len(b) < 7+n {
		if h.version>>24 == 'Q' && len(b) > 14 { // one byte holds both lengths
			return header{version: h.version, id: b[6:14], at: 14}, true
		}
		return h, false
	}
	h.id = b[6 : 6+n]
	at := 6 + n
	m := int(b[at])
	if m > connIDMax || len(b) < at+1+m {
		return h, false
	}
	at += 1 + m
	h.at = at
	if h.version == 0 || saltOf(h.version) == "" {
		return h, true
	}
	h.kind = b[0] >> 4 & 3
	if h.version == version2 {
		h.kind = (h.kind - 1) & 3
	}
	if h.kind == typeRetry {
		return h, true
	}
	if h.kind == typeInitial {
		token, k := varint(b[at:])
		if k == 0 || token > uint64(len(b)-at-k) {
			return h, false
		}
		at += k + int(token)
	}
	length, k := varint(b[at:])
	if k == 0 || length > uint64(len(b)-at-k) {
		return h, false
	}
	h.at, h.end = at+k, at+k+int(length)
	return h, true
}

// varint reads a variable-length integer and its size, 0 when it is not there (RFC 9000 16).
func varint(b []byte) (uint64, int) {
	if len(b) == 0 {
		return 0, 0
	}
	n := 1 << (b[0] >> 6)
	if len(b) < n {
		return 0, 0
	}
	v := uint64(b[0] & 0x3f)
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	return v, n
}

func (p *Parser) begin(c *proto.Context, dir flow.Direction, version uint32) *Transaction {
	t := &Transaction{}
	be.PutUint32(t.Version[:], version)
	t.OneSide, t.Only = true, dir
	c.Begin(t)
	t.Touch(dir)
	return t
}

// packet reads one packet and returns its length, 0 when the rest of the datagram is not looked at.
func (p *Parser) packet(c *proto.Context, dir flow.Direction, b []byte) int {
	if version, rest, ok := publicHeader(b); ok && version[0] == 'Q' {
		p.google(c, dir, be.Uint32(version[:]), rest)
		return 0
	}
	if b[0]&0x80 == 0 {
		return 0 // short header: encrypted
	}
	h, ok := readHeader(b)
	if !ok {
		c.Malformed++
		if len(b) >= 7 && saltOf(h.version) != "" {
			p.begin(c, dir, h.version).Anomaly("error_on_header")
		}
		return 0
	}
	if h.version>>24 == 'Q' {
		p.google(c, dir, h.version, b[h.at:])
		return 0
	}
	t := p.begin(c, dir, h.version)
	if h.kind != typeInitial || h.end == 0 {
		if dir == flow.ToClient && (h.version == 0 || h.end == 0 && h.kind == typeRetry) {
			p.keys, p.half = nil, [2]half{} // the client begins anew, with another version or connection ID
		}
		return h.end
	}
	plain, ok := p.decrypt(dir, h, b)
	if !ok {
		if p.keys != nil {
			t.Anomaly("failed_decrypt")
		}
		return h.end
	}
	if !p.frames(t, dir, plain) {
		t.Anomaly("error_on_data")
	}
	return h.end
}

// decrypt opens an Initial packet. A client may begin anew with another connection ID or version.
func (p *Parser) decrypt(dir flow.Direction, h header, b []byte) ([]byte, bool) {
	if p.keys != nil && p.keys.version == h.version {
		if plain, ok := p.keys.side[dir].open(b, h.at, h.end); ok {
			return plain, true
		}
	}
	if dir == flow.ToClient {
		return nil, false
	}
	k, ok := initialKeys(h.version, h.id)
	if !ok {
		return nil, false
	}
	plain, ok := k.side[dir].open(b, h.at, h.end)
	if ok || p.keys == nil {
		p.keys = k
		p.half = [2]half{}
	}
	return plain, ok
}

// frames reads what Initial packets may hold (RFC 9000 12.4, 19).
func (p *Parser) frames(t *Transaction, dir flow.Direction, b []byte) bool {
	ok := true
	take := func() uint64 {
		v, n := varint(b)
		if n == 0 {
			ok = false
			b = nil
			return 0
		}
		b = b[n:]
		return v
	}
	for len(b) > 0 && ok {
		switch kind := take(); kind {
		case 0, 1: // PADDING, PING
		case 2, 3: // ACK
			take()
			take()
			ranges := take()
			take()
			for i := uint64(0); i < ranges && ok; i++ {
				take()
				take()
			}
			if kind == 3 {
				take()
				take()
				take()
			}
		case 6: // CRYPTO
			at, n := take(), take()
			if !ok || n > uint64(len(b)) {
				return false
			}
			p.crypto(t, dir, at, b[:n])
			b = b[n:]
		case 0x1c, 0x1d: // CONNECTION_CLOSE
			take()
			if kind == 0x1c {
				take()
			}
			n := take()
			if !ok || n > uint64(len(b)) {
				return false
			}
			b = b[n:]
		default:
			return false
		}
	}
	return ok
}

// crypto takes a piece of the handshake and reads the hello once it is whole.
func (p *Parser) crypto(t *Transaction, dir flow.Direction, at uint64, b []byte) {
	h := &p.half[dir]
	if h.done {
		return
	}
	if at+uint64(len(b)) > helloMax {
		t.Anomaly("crypto_frag_too_long")
		return
	}
	h.add(int(at), b)
	if len(h.hello) < 4 {
		return
	}
	n := int(h.hello[1])<<16 | int(h.hello[2])<<8 | int(h.hello[3])
	if n > helloMax {
		t.Anomaly("crypto_frag_too_long")
		h.done = true
		return
	}
	if len(h.hello) < 4+n {
		return
	}
	h.done = true
	body := h.hello[4 : 4+n]
	switch {
	case h.hello[0] == clientHello && dir == flow.ToServer:
		t.Client = &tls.ClientHello{}
		if !t.Client.Read(body, 'q') {
			t.Anomaly("error_on_data")
		}
		t.SNI = t.Client.SNI
	case h.hello[0] == serverHello && dir == flow.ToClient:
		t.Server = &tls.ServerHello{}
		if !t.Server.Read(body) {
			t.Server = nil
			t.Anomaly("error_on_data")
		}
	default:
		t.Anomaly("error_on_data")
	}
	h.hello, h.pieces = nil, nil
}

// add puts a piece in its place.
func (h *half) add(at int, b []byte) {
	if at > len(h.hello) {
		if len(h.pieces) < piecesMax && h.held+len(b) <= helloMax {
			h.pieces = append(h.pieces, piece{at, append([]byte(nil), b...)})
			h.held += len(b)
		}
		return
	}
	if at+len(b) > len(h.hello) {
		h.hello = append(h.hello, b[len(h.hello)-at:]...)
	}
	for range len(h.pieces) { // each round may make the next piece fit
		moved := false
		for i, q := range h.pieces {
			if q.at > len(h.hello) || q.b == nil {
				continue
			}
			if q.at+len(q.b) > len(h.hello) {
				h.hello = append(h.hello, q.b[len(h.hello)-q.at:]...)
			}
			h.pieces[i].b = nil
			moved = true
		}
		if !moved {
			break
		}
	}
}

// Gap implements proto.Parser: datagrams have none.
func (p *Parser) Gap(*proto.Context, flow.Direction, []byte, int64) proto.Verdict {
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(*proto.Context, flow.Direction, []byte) {}
