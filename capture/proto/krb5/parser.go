package krb5

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	datagram bool
	last     uint32 // type of the last request
	lost     [2]bool
	skip     [2]int
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(datagram bool) proto.Parser { return &Parser{datagram: datagram} }

// Recognise is the proto.Recogniser of Kerberos: application tag, version and message type must agree.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Datagram {
		if len(b) > 0 && b[0] != 0 || len(b) > 1 && b[1] > messageMax>>16 {
			return proto.No
		}
		if len(b) < markBytes+1 {
			if p.Port(88) {
				return proto.Maybe
			}
			return proto.No
		}
		b = b[markBytes:]
	}
	kind, ok, more := head(b)
	switch {
	case more && p.Port(88) && !p.Datagram:
		return proto.Maybe
	case !ok:
		return proto.No
	}
	if request := kind == ASRequest || kind == TGSRequest || kind == APRequest; request == (p.Dir == flow.ToClient) {
		return proto.Reversed
	}
	return proto.Yes
}

// head reads the beginning of a message: application tag, sequence, version 5, type equal to the tag.
func head(b []byte) (kind byte, ok, more bool) {
	if len(b) == 0 {
		return 0, false, true
	}
	kind = b[0] &^ 0x60
	switch kind {
	case ASRequest, ASReply, TGSRequest, TGSReply, APRequest, APReply, Error:
	default:
		return 0, false, false
	}
	if b[0]&0xe0 != 0x60 {
		return 0, false, false
	}
	at := 1
	for _, want := range [...]byte{0x30, 0} { // length of the whole, then tag and length of the sequence
		if at >= len(b) {
			return 0, false, true
		}
		n := b[at]
		at++
		if n >= 0x80 {
			if n == 0x80 || n > 0x84 {
				return 0, false, false
			}
			at += int(n & 0x7f)
		}
		if want != 0 {
			if at >= len(b) {
				return 0, false, true
			}
			if b[at] != want {
				return 0, false, false
			}
			at++
		}
	}
	if len(b) < at+10 {
		return 0, false, true
	}
	v := b[at:]
	tag := byte(0xa0)
	if kind == ASRequest || kind == TGSRequest {
		tag = 0xa1
	}
	ok = v[0] == tag && v[1] == 3 && v[2] == 2 && v[3] == 1 && v[4] == 5 && v[5] == tag+1 && v[6] == 3 && v[7] == 2 && v[8] == 1 && v[9] == kind
	return kind, ok, false
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.datagram {
		p.message(c, dir, b)
		return len(b), proto.Continue
	}
	done := 0
	for done < len(b) {
		rest := b[done:]
		if p.skip[dir] > 0 {
			n := min(p.skip[dir], len(rest))
			p.skip[dir] -= n
			done += n
			continue
		}
		if len(rest) < markBytes {
			break
		}
		n := int64(binary.BigEndian.Uint32(rest))
		if p.lost[dir] {
			if _, ok, _ := head(rest[markBytes:]); !ok || n > messageMax {
				return len(b), proto.Continue
			}
			p.lost[dir] = false
		}
		if n > messageMax { // the top bit is reserved; other lengths as large are nonsense or hostile
			c.Malformed++
			p.malformed(c, dir)
			if n >= 1<<31 {
				p.lost[dir] = true
				return len(b), proto.Continue
			}
			p.skip[dir] = int(n)
			done += markBytes
			continue
		}
		if int64(len(rest)-markBytes) < n {
			break
		}
		p.message(c, dir, rest[markBytes:markBytes+int(n)])
		c.Flush[dir] = true
		done += markBytes + int(n)
	}
	return done, proto.Continue
}

// message makes a transaction of one message.
func (p *Parser) message(c *proto.Context, dir flow.Direction, b []byte) {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	if err := t.Parse(b); err != nil {
		c.Malformed++
		p.malformed(c, dir)
		return
	}
	switch t.Type {
	case APRequest, APReply:
		return
	case ASRequest, TGSRequest:
		p.last = t.Type
	case Error:
		t.Failed = p.last
	}
	if t.HasEncrypted && Weak(t.Encryption) {
		t.Anomaly("weak_encryption")
	}
	c.Begin(t)
	t.Touch(dir)
}

// malformed makes a transaction that only says that something could not be read.
func (p *Parser) malformed(c *proto.Context, dir flow.Direction) {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	t.Anomaly("malformed_data")
	c.Begin(t)
	t.Touch(dir)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	if p.skip[dir] == 0 && len(rest) >= markBytes {
		if size := int64(binary.BigEndian.Uint32(rest)); size <= messageMax {
			p.skip[dir] = int(size)
			n += int64(len(rest) - markBytes)
		}
	}
	if n <= int64(p.skip[dir]) {
		p.skip[dir] -= int(n)
		return proto.Continue
	}
	p.skip[dir], p.lost[dir] = 0, true
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(*proto.Context, flow.Direction, []byte) {}
