package krb5

import (
	"errors"

	"fengsui/capture/proto/ber"
)

// Message types (RFC 4120 7.5.7).
const (
	ASRequest  = 10
	ASReply    = 11
	TGSRequest = 12
	TGSReply   = 13
	APRequest  = 14
	APReply    = 15
	Error      = 30
)

// Message is what one message says.
type Message struct {
	Type         uint32
	Client       [][]byte // parts of the client's name
	Server       [][]byte // parts of the service's name
	Realm        []byte
	Offered      []int32 // encryption types of a request
	Encryption   int32   // of a reply
	Ticket       int32   // encryption of the ticket in a reply
	HasEncrypted bool    // the two are known
	ErrorCode    uint32
	HasError     bool
	Text         []byte // of an error
}

// ErrMalformed is returned for bytes that are no message of these types.
var ErrMalformed = errors.New("not a Kerberos message")

// Parse reads a message.
func (m *Message) Parse(b []byte) error {
	r := ber.NewReader(b)
	e, err := r.Next()
	if err != nil || e.ID&0xe0 != ber.Application(0) {
		return ErrMalformed
	}
	body, ok := sequence(&e)
	if !ok {
		return ErrMalformed
	}
	*m = Message{Type: e.Tag}
	switch m.Type {
	case ASRequest, TGSRequest:
		ok = m.request(body)
	case ASReply, TGSReply:
		ok = m.reply(body)
	case Error:
		ok = m.failure(body)
	default:
		ok = m.Type == APRequest || m.Type == APReply
	}
	if !ok {
		return ErrMalformed
	}
	return nil
}

// sequence reads the sequence inside an element.
func sequence(e *ber.Element) (ber.Reader, bool) {
	r := e.Inside()
	seq, ok := r.Optional(ber.Sequence)
	if !ok {
		return ber.Reader{}, false
	}
	return seq.Inside(), true
}

// each calls visit for the tagged fields of a sequence; false when one cannot be read.
func each(r ber.Reader, visit func(tag uint32, e *ber.Element) bool) bool {
	for r.More() {
		e, err := r.Next()
		if err != nil {
			return false
		}
		if !visit(e.Tag, &e) {
			return false
		}
	}
	return true
}

func (m *Message) request(body ber.Reader) bool {
	found := false
	whole := each(body, func(tag uint32, e *ber.Element) bool {
		if tag != 4 {
			return true
		}
		found = true
		fields, ok := sequence(e)
		return ok && each(fields, func(tag uint32, e *ber.Element) bool {
			switch tag {
			case 1:
				m.Client = name(e)
			case 2:
				m.Realm = str(e)
			case 3:
				m.Server = name(e)
			case 8:
				list, _ := sequence(e)
				for list.More() && len(m.Offered) < etypesMax {
					t, err := list.Expect(ber.Integer)
					if err != nil {
						return false
					}
					n, _ := t.Int()
					m.Offered = append(m.Offered, int32(n))
				}
			}
			return true
		})
	})
	return whole && found
}

func (m *Message) reply(body ber.Reader) bool {
	return each(body, func(tag uint32, e *ber.Element) bool {
		switch tag {
		case 3:
			m.Realm = str(e)
		case 4:
			m.Client = name(e)
		case 5:
			r := e.Inside()
			ticket, ok := r.Optional(ber.Application(1))
			if !ok {
				return false
			}
			fields, ok := sequence(&ticket)
			return ok && each(fields, func(tag uint32, e *ber.Element) bool {
				switch tag {
				case 2:
					m.Server = name(e)
				case 3:
					m.Ticket = encryption(e)
				}
				return true
			})
		case 6:
			m.Encryption, m.HasEncrypted = encryption(e), true
		}
		return true
	})
}

func (m *Message) failure(body ber.Reader) bool {
	return each(body, func(tag uint32, e *ber.Element) bool {
		switch tag {
		case 6:
			r := e.Inside()
			code, err := r.Expect(ber.Integer)
			if err != nil {
				return false
			}
			n, _ := code.Uint()
			m.ErrorCode, m.HasError = uint32(n), true
		case 7:
			m.Realm = str(e)
		case 8:
			m.Client = name(e)
		case 9:
			if m.Realm == nil {
				m.Realm = str(e)
			}
		case 10:
			m.Server = name(e)
		case 11:
			m.Text = str(e)
		}
		return true
	})
}

// str reads the string inside a tagged field.
func str(e *ber.Element) []byte {
	r := e.Inside()
	s, err := r.Next()
	if err != nil {
		return nil
	}
	b := s.Octets()
	return append([]byte{}, b[:min(len(b), partMax)]...)
}

// name reads the parts of a principal name (RFC 4120 5.2.2).
func name(e *ber.Element) (parts [][]byte) {
	fields, _ := sequence(e)
	each(fields, func(tag uint32, e *ber.Element) bool {
		if tag != 1 {
			return true
		}
		list, _ := sequence(e)
		for list.More() && len(parts) < partsMax {
			s, err := list.Next()
			if err != nil {
				return false
			}
			b := s.Octets()
			parts = append(parts, append([]byte{}, b[:min(len(b), partMax)]...))
		}
		return true
	})
	return parts
}

// encryption reads the type of encrypted data (RFC 4120 5.2.9).
func encryption(e *ber.Element) (n int32) {
	fields, _ := sequence(e)
	each(fields, func(tag uint32, e *ber.Element) bool {
		if tag == 0 {
			r := e.Inside()
			if t, err := r.Expect(ber.Integer); err == nil {
				v, _ := t.Int()
				n = int32(v)
			}
		}
		return true
	})
	return n
}
