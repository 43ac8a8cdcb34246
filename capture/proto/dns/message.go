package dns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

const (
	headerBytes   = 12
	nameBytesMax  = 1024
	jumpsMax      = 128
	recordsMax    = 1024 // records of a section that are kept
	questionsMax  = 64
	textBytesMax  = 4096      // of the text form of record data
	arenaBytesMax = 256 << 10 // names and texts kept of one message
	classInternet = 1
)

// Record types we give text to or name.
const (
	TypeA     = 1
	TypeNS    = 2
	TypeCNAME = 5
	TypeSOA   = 6
	TypeNULL  = 10
	TypePTR   = 12
	TypeMX    = 15
	TypeTXT   = 16
	TypeAAAA  = 28
	TypeSRV   = 33
	TypeDNAME = 39
	TypeOPT   = 41
	TypeSVCB  = 64
	TypeHTTPS = 65
	TypeANY   = 255
)

// Errors of Parse.
var (
	ErrShort     = errors.New("message ends early")
	ErrQuestions = errors.New("questions cannot be read")
)

// parser walks one message.
type parser struct {
	msg   []byte
	arena []byte // names and texts
	// flags noted on the way
	loop, long, broken bool
}

// Parse reads a message. It keeps no reference to b beyond m.Raw fields of records, which are parts of b. anomalies are
// app-layer-event names. An error means that not even header and questions could be read.
func (m *Message) Parse(b []byte) (anomalies []string, err error) {
	if len(b) < headerBytes {
		return nil, fmt.Errorf("reading header: %w: %d bytes", ErrShort, len(b))
	}
	*m = Message{}
	m.MsgID = binary.BigEndian.Uint16(b)
	m.Flags = binary.BigEndian.Uint16(b[2:])
	m.Response = m.Flags&0x8000 != 0
	m.Opcode = uint8(m.Flags >> 11 & 15)
	m.RCode = m.Flags & 15
	p := parser{msg: b, arena: make([]byte, 0, min(len(b)+64, 2048))}
	off, err := p.questions(m, int(binary.BigEndian.Uint16(b[4:])))
	if err != nil {
		return nil, err
	}
	sections := [3]*[]Record{&m.Answers, &m.Authorities, &m.Additionals}
	for i, s := range sections {
		n := int(binary.BigEndian.Uint16(b[6+2*i:]))
		if off, err = p.records(s, off, n); err != nil {
			p.broken = true
			break
		}
	}
	for i := range m.Additionals {
		if r := &m.Additionals[i]; r.Type == TypeOPT {
			m.RCode |= uint16(r.TTL>>24) << 4 // RFC 6891 6.1.3
		}
	}
	return p.anomalies(m), nil
}

func (p *parser) anomalies(m *Message) []string {
	var list []string
	if p.broken {
		list = append(list, "malformed_data")
	}
	if m.Flags&0x0040 != 0 {
		list = append(list, "z_flag_set")
	}
	if m.Opcode >= 7 {
		list = append(list, "invalid_opcode")
	}
	if p.loop {
		list = append(list, "infinite_loop")
	}
	if p.long {
		list = append(list, "name_too_long")
	}
	return list
}

func (p *parser) questions(m *Message, n int) (int, error) {
	off := headerBytes
	if n > 0 {
		m.Questions = make([]Question, 0, min(n, questionsMax, len(p.msg)/5+1))
	}
	for i := range n {
		name, next, ok := p.name(off)
		if !ok || next+4 > len(p.msg) {
			return off, fmt.Errorf("%w: question %d at byte %d", ErrQuestions, i, off)
		}
		if len(m.Questions) < questionsMax {
			m.Questions = append(m.Questions, Question{
				Name: name, Type: binary.BigEndian.Uint16(p.msg[next:]), Class: binary.BigEndian.Uint16(p.msg[next+2:]),
			})
		}
		off = next + 4
	}
	return off, nil
}

func (p *parser) records(to *[]Record, off, n int) (int, error) {
	if n > 0 && *to == nil {
		*to = make([]Record, 0, min(n, recordsMax, (len(p.msg)-off)/11+1))
	}
	for range n {
		name, next, ok := p.name(off)
		if !ok || next+10 > len(p.msg) {
			return off, ErrShort
		}
		r := Record{
			Name: name, Type: binary.BigEndian.Uint16(p.msg[next:]), Class: binary.BigEndian.Uint16(p.msg[next+2:]),
			TTL: binary.BigEndian.Uint32(p.msg[next+4:]),
		}
		size := int(binary.BigEndian.Uint16(p.msg[next+8:]))
		next += 10
		if next+size > len(p.msg) {
			return off, ErrShort
		}
		r.Raw = p.msg[next : next+size]
		if len(*to) < recordsMax && len(p.arena) < arenaBytesMax {
			r.Data = p.data(&r, next)
			*to = append(*to, r)
		}
		off = next + size
	}
	return off, nil
}

// name reads a name at off and returns where it ends in the message.
func (p *parser) name(off int) ([]byte, int, bool) {
	at := len(p.arena)
	next := -1
	jumps := 0
	for {
		if off >= len(p.msg) {
			return nil, 0, false
		}
		c := int(p.msg[off])
		switch {
		case c == 0:
			if next < 0 {
				next = off + 1
			}
			return p.arena[at:len(p.arena):len(p.arena)], next, true
		case c&0xc0 == 0xc0:
			if off+1 >= len(p.msg) {
				return nil, 0, false
			}
			if next < 0 {
				next = off + 2
			}
			if jumps++; jumps > jumpsMax {
				p.loop = true
				return p.arena[at:len(p.arena):len(p.arena)], next, true
			}
			off = c&0x3f<<8 | int(p.msg[off+1])
		case c&0xc0 != 0:
			return nil, 0, false
		default:
			if off+1+c > len(p.msg) {
				return nil, 0, false
			}
			if len(p.arena)-at+c+1 > nameBytesMax {
				p.long = true
				if next < 0 {
					next = p.skipName(off)
				}
				return p.arena[at:len(p.arena):len(p.arena)], next, next > 0
			}
			if len(p.arena) > at {
				p.arena = append(p.arena, '.')
			}
			p.arena = append(p.arena, p.msg[off+1:off+1+c]...)
			off += 1 + c
		}
	}
}

// skipName finds the end of a name that is too long to keep; -1 when it has none.
func (p *parser) skipName(off int) int {
	for off < len(p.msg) {
		c := int(p.msg[off])
		switch {
		case c == 0:
			return off + 1
		case c&0xc0 == 0xc0:
			return off + 2
		case c&0xc0 != 0:
			return -1
		}
		off += 1 + c
	}
	return -1
}

// data returns the text form of record data at off.
func (p *parser) data(r *Record, off int) []byte {
	at := len(p.arena)
	cut := func() []byte { return p.arena[at:len(p.arena):len(p.arena)] }
	num := func(n uint64) { p.arena = strconv.AppendUint(p.arena, n, 10) }
	switch {
	case r.Type == TypeA && len(r.Raw) == 4:
		p.arena = netip.AddrFrom4([4]byte(r.Raw)).AppendTo(p.arena)
		return cut()
	case r.Type == TypeAAAA && len(r.Raw) == 16:
		p.arena = netip.AddrFrom16([16]byte(r.Raw)).AppendTo(p.arena)
		return cut()
	case r.Type == TypeNS || r.Type == TypeCNAME || r.Type == TypePTR || r.Type == TypeDNAME:
		if n, _, ok := p.name(off); ok {
			return n
		}
	case r.Type == TypeMX && len(r.Raw) > 2:
		if n, _, ok := p.name(off + 2); ok {
			return n
		}
	case r.Type == TypeSRV && len(r.Raw) > 6:
		num(uint64(binary.BigEndian.Uint16(r.Raw)))
		p.arena = append(p.arena, ' ')
		num(uint64(binary.BigEndian.Uint16(r.Raw[2:])))
		p.arena = append(p.arena, ' ')
		num(uint64(binary.BigEndian.Uint16(r.Raw[4:])))
		p.arena = append(p.arena, ' ')
		if _, _, ok := p.name(off + 6); ok {
			return cut()
		}
	case r.Type == TypeSOA:
		if text, ok := p.soa(off); ok {
			return text
		}
	case r.Type == TypeTXT:
		for b := r.Raw; len(b) > 0 && len(p.arena)-at < textBytesMax; {
			n := min(int(b[0]), len(b)-1)
			p.arena = append(p.arena, b[1:1+n]...)
			b = b[1+n:]
		}
		return cut()
	}
	p.arena = p.arena[:at]
	return r.Raw
}

// soa writes "mname rname serial refresh retry expire minimum".
func (p *parser) soa(off int) ([]byte, bool) {
	at := len(p.arena)
	_, next, ok := p.name(off)
	if !ok {
		return nil, false
	}
	p.arena = append(p.arena, ' ')
	if _, next, ok = p.name(next); !ok || next+20 > len(p.msg) {
		return nil, false
	}
	for i := range 5 {
		p.arena = append(p.arena, ' ')
		p.arena = strconv.AppendUint(p.arena, uint64(binary.BigEndian.Uint32(p.msg[next+4*i:])), 10)
	}
	return p.arena[at:len(p.arena):len(p.arena)], true
}

// plausible judges a message by its shape. strict is for bytes that come from any port.
func plausible(b []byte, strict bool) bool {
	if len(b) < headerBytes {
		return false
	}
	flags := binary.BigEndian.Uint16(b[2:])
	qd, an := int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
	ns, ar := int(binary.BigEndian.Uint16(b[8:])), int(binary.BigEndian.Uint16(b[10:]))
	if 5*qd+11*(an+ns+ar) > len(b)-headerBytes {
		return false
	}
	p := parser{msg: b}
	var m Message
	off, err := p.questions(&m, min(qd, questionsMax))
	if err != nil || p.loop || p.long {
		return false
	}
	if !strict {
		return qd+an+ns+ar > 0
	}
	if qd != 1 || flags&0x0040 != 0 || flags>>11&15 > 5 || flags&0x8000 == 0 && (an > 0 || flags&15 != 0) {
		return false
	}
	q := m.Questions[0]
	if q.Class != classInternet && q.Class != 255 || q.Type == 0 || !printable(q.Name) {
		return false
	}
	var list []Record
	off, err = p.records(&list, off, an+ns+ar)
	return err == nil && off == len(b)
}

func printable(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) > 0
}
