package tls

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Record types and handshake messages (RFC 8446 5.1, 4).
const (
	recordCCS       = 20
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23
	recordHeartbeat = 24

	msgHelloRequest    = 0
	msgClientHello     = 1
	msgServerHello     = 2
	msgCertificate     = 11
	msgServerHelloDone = 14
	msgClientKeyExch   = 16

	recordBytesMax   = 18432
	messageBytesMax  = 128 << 10
	chainMax         = 16
	chainRead        = 2 // certificates of a chain whose fields are read; of the others the bytes are kept
	extensionsMax    = 256
	ciphersMax       = 1024
	altNamesMax      = 100
	headerBytes      = 5
	messageHeadBytes = 4
)

// half is one direction of the parser.
type half struct {
	message   []byte // a handshake message that goes on in the next record
	skip      int    // bytes of an encrypted record still to come
	encrypted bool
	lost      bool
	first     bool // the first record was read
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	tx   *Transaction
	half [2]half
	tlcp bool
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// NewTLCP makes a parser of TLCP, whose records and handshake are those of TLS 1.1 but for the version (GB/T 38636-2020).
func NewTLCP(bool) proto.Parser { return &Parser{tlcp: true} }

// VersionTLCP is TLCP 1.1 on the wire.
const VersionTLCP = 0x0101

// goodVersion judges a record's version.
func (p *Parser) goodVersion(v uint16) bool {
	if p.tlcp {
		return v == VersionTLCP
	}
	return v>>8 == 3
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	if p.tx == nil {
		p.tx = &Transaction{TLCP: p.tlcp}
		c.Begin(p.tx)
	}
	done := 0
	for done < len(b) {
		if h.skip > 0 {
			n := min(h.skip, len(b)-done)
			h.skip -= n
			done += n
			continue
		}
		n, v := p.record(c, dir, b[done:])
		done += n
		if v != proto.Continue || n == 0 {
			return done, v
		}
		if p.half[0].encrypted && p.half[1].encrypted {
			p.finish(c)
			return done, proto.Stop
		}
	}
	return done, proto.Continue
}

// record reads one record; zero means that more bytes are needed.
func (p *Parser) record(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	if !h.first && !p.tlcp && dir == flow.ToServer && b[0]&0x80 != 0 {
		return p.ssl2(c, dir, b)
	}
	if len(b) < headerBytes {
		return 0, proto.Continue
	}
	kind, version, n := b[0], binary.BigEndian.Uint16(b[1:]), int(binary.BigEndian.Uint16(b[3:]))
	if h.lost {
		if kind < recordCCS || kind > recordHeartbeat || !p.goodVersion(version) || n > recordBytesMax {
			return len(b), proto.Continue
		}
		h.lost = false
	}
	switch {
	case kind < recordCCS || kind > recordHeartbeat:
		p.tx.Anomaly("invalid_record_type")
	case !p.goodVersion(version) || version>>8 == 3 && version&0xff > 4:
		p.tx.Anomaly("invalid_record_version")
	case n > recordBytesMax:
		p.tx.Anomaly("invalid_record_length")
	}
	if kind < recordCCS || kind > recordHeartbeat || !p.goodVersion(version) || n > recordBytesMax {
		p.tx.Anomaly("invalid_ssl_record")
		p.tx.Touch(dir)
		p.end(dir)
		return 0, proto.Fail
	}
	h.first = true
	if kind == recordData || h.encrypted {
		h.skip = n
		p.encrypt(dir)
		return headerBytes, proto.Continue
	}
	if len(b) < headerBytes+n {
		return 0, proto.Continue
	}
	if p.tx.Version == 0 {
		p.tx.Version = version
	}
	body := b[headerBytes : headerBytes+n]
	switch kind {
	case recordCCS:
		p.encrypt(dir)
	case recordAlert:
		if n == 2 {
			p.tx.Alert = binary.BigEndian.Uint16(body)
			p.tx.Touch(dir)
		}
	case recordHandshake:
		p.handshake(c, dir, body)
	case recordHeartbeat:
		p.heartbeat(dir, body)
	}
	return headerBytes + n, proto.Continue
}

// handshake reads the messages of one record.
func (p *Parser) handshake(c *proto.Context, dir flow.Direction, b []byte) {
	h := &p.half[dir]
	if len(h.message) > 0 {
		if len(h.message)+len(b) > messageBytesMax+recordBytesMax {
			p.tx.Anomaly("handshake_invalid_length")
			h.message = nil
			return
		}
		h.message = append(h.message, b...)
		b = h.message
	}
	for len(b) >= messageHeadBytes {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if n > messageBytesMax {
			p.tx.Anomaly("handshake_invalid_length")
			h.message = nil
			return
		}
		if len(b) < messageHeadBytes+n {
			break
		}
		p.message(c, dir, b[0], b[messageHeadBytes:messageHeadBytes+n])
		b = b[messageHeadBytes+n:]
	}
	if len(b) == 0 {
		h.message = h.message[:0]
		return
	}
	h.message = append(h.message[:0], b...)
}

func (p *Parser) message(c *proto.Context, dir flow.Direction, kind byte, b []byte) {
	t := p.tx
	switch kind {
	case msgClientHello:
		if t.Client.Seen || dir == flow.ToClient {
			return // repeated after a HelloRetryRequest: the first one is the client's fingerprint
		}
		if !t.Client.parse(b) {
			t.Anomaly("invalid_handshake_message")
		}
		for _, name := range t.Client.oddities {
			t.Anomaly(name)
		}
		c.Flush[dir] = true
		t.advance(dir, HelloDone)
	case msgServerHello:
		if dir == flow.ToServer {
			return
		}
		if !t.Server.parse(b) {
			t.Anomaly("invalid_handshake_message")
			return
		}
		t.Version = t.Server.Version
		c.Flush[dir] = true
		t.advance(dir, HelloDone)
	case msgCertificate:
		if len(t.Chain[dir]) == 0 {
			t.Chain[dir] = parseChain(b)
			if len(t.Chain[dir]) == 0 && len(b) > 3 {
				t.Anomaly("invalid_certificate")
			}
			for i := range t.Chain[dir] {
				if name := t.Chain[dir][i].fault; name != "" {
					t.Anomaly(name)
				}
			}
		}
		c.Flush[dir] = true
		t.advance(dir, CertDone)
	case msgServerHelloDone:
		t.advance(dir, HandshakeDone)
	case msgClientKeyExch:
		t.advance(dir, HandshakeDone)
	}
}

// heartbeat notes messages that claim more payload than they hold (CVE-2014-0160).
func (p *Parser) heartbeat(dir flow.Direction, b []byte) {
	p.tx.Anomaly("heartbeat_message")
	if len(b) < 3 || b[0] != 1 && b[0] != 2 {
		p.tx.Anomaly("invalid_heartbeat_message")
	} else if int(binary.BigEndian.Uint16(b[1:])) > len(b)-3 {
		p.tx.Anomaly("overflow_heartbeat_message")
	}
	p.tx.Touch(dir)
}

// encrypt notes that a side has switched to encryption.
func (p *Parser) encrypt(dir flow.Direction) {
	h := &p.half[dir]
	if h.encrypted {
		return
	}
	h.encrypted, h.message = true, nil
	t := p.tx
	t.Encrypted[dir] = true
	if dir == flow.ToClient && t.Server.Seen && len(t.Chain[flow.ToClient]) == 0 && t.Server.Version <= 0x0303 {
		t.Resumed = true
	}
	t.Established = t.Encrypted[0] && t.Encrypted[1]
	t.advance(dir, EncryptedPhase)
}

func (p *Parser) finish(c *proto.Context) {
	c.Flush = [2]bool{true, true}
	p.half[0].message, p.half[1].message = nil, nil
}

func (p *Parser) end(dir flow.Direction) {
	if p.tx != nil && p.tx.progress[dir] != EncryptedPhase {
		p.tx.advance(dir, EncryptedPhase)
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, n int64) proto.Verdict {
	h := &p.half[dir]
	if int64(h.skip) >= n {
		h.skip -= int(n)
		return proto.Continue
	}
	h.skip, h.message, h.lost = 0, nil, true
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) { p.end(dir) }

// advance moves a side forward and tells inspectors.
func (t *Transaction) advance(dir flow.Direction, to int) {
	if t.progress[dir] < to {
		t.progress[dir] = to
	}
	t.Touch(dir)
}
