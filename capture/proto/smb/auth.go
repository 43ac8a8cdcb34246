package smb

import (
	"bytes"
	"strconv"

	"fengsui/capture/proto/ber"
)

// NTLM is what an NTLMSSP authenticate message ([MS-NLMP] 2.2.1.3) says about the client.
type NTLM struct {
	Domain, User, Host []byte
	Version            string // of the client's system, "10.0 build 19041 rev 15"; empty when it is not sent
}

// Kerberos is what the ticket in a session setup is for (RFC 4120 5.3).
type Kerberos struct {
	Realm    []byte
	Services [][]byte // parts of the service name: "cifs", "host.domain"
}

const (
	ntlmAuthenticate = 3
	ntlmUnicode      = 1 << 0
	ntlmVersion      = 1 << 25
	ntlmFixed        = 64
	serviceParts     = 8
)

// ntlmOf finds an NTLMSSP message in a security token; kind is its type, 0 when there is none; ok is false when it is an
// authenticate message that cannot be read.
func ntlmOf(token []byte) (n *NTLM, kind uint32, ok bool) {
	token = token[:min(len(token), blobMax)]
	at := bytes.Index(token, []byte("NTLMSSP\x00"))
	if at < 0 {
		return nil, 0, true
	}
	b := token[at:]
	if len(b) < 12 {
		return nil, 0, false
	}
	kind = le.Uint32(b[8:])
	if kind != ntlmAuthenticate {
		return nil, kind, true
	}
	if len(b) < ntlmFixed {
		return nil, kind, false
	}
	flags := le.Uint32(b[60:])
	field := func(at int) []byte {
		size, place := int(le.Uint16(b[at:])), le.Uint32(b[at+4:])
		if size == 0 {
			return nil
		}
		if uint64(place)+uint64(size) > uint64(len(b)) {
			ok = false
			return nil
		}
		return text(b[place:int(place)+size], flags&ntlmUnicode != 0)
	}
	ok = true
	n = &NTLM{Domain: field(28), User: field(36), Host: field(44)}
	if flags&ntlmVersion != 0 && len(b) >= ntlmFixed+8 {
		v := b[ntlmFixed:]
		n.Version = strconv.Itoa(int(v[0])) + "." + strconv.Itoa(int(v[1])) + " build " + strconv.Itoa(int(le.Uint16(v[2:]))) + " rev " + strconv.Itoa(int(v[7]))
	}
	return n, kind, ok
}

// kerberosOf finds the ticket in a SPNEGO token (RFC 4178 4.2, RFC 4121 4.1); nil when there is none.
func kerberosOf(token []byte) *Kerberos {
	r := ber.NewReader(token[:min(len(token), blobMax)])
	e, err := r.Expect(ber.Application(0))
	if err != nil {
		return nil
	}
	in := e.Inside()
	if _, ok := in.Optional(ber.OID); !ok {
		return nil
	}
	if k := ticketOf(in.Rest()); k != nil { // Kerberos without SPNEGO around it
		return k
	}
	init, ok := in.Optional(ber.Explicit(0))
	if !ok {
		return nil
	}
	in = init.Inside()
	seq, err := in.Expect(ber.Sequence)
	if err != nil {
		return nil
	}
	for in = seq.Inside(); in.More(); {
		e, err := in.Next()
		if err != nil {
			return nil
		}
		if e.ID != ber.Explicit(2) {
			continue
		}
		inner := e.Inside()
		s, ok := inner.Optional(ber.OctetString)
		if !ok {
			return nil
		}
		gss := ber.NewReader(s.Octets())
		g, err := gss.Expect(ber.Application(0))
		if err != nil {
			return nil
		}
		body := g.Inside()
		if _, ok := body.Optional(ber.OID); !ok {
			return nil
		}
		return ticketOf(body.Rest())
	}
	return nil
}

// ticketOf reads token ID and AP-REQ.
func ticketOf(b []byte) *Kerberos {
	if len(b) < 2 || b[0] != 1 || b[1] != 0 {
		return nil
	}
	r := ber.NewReader(b[2:])
	request, err := r.Expect(ber.Application(14))
	if err != nil {
		return nil
	}
	fields := inSequence(&request)
	for fields.More() {
		e, err := fields.Next()
		if err != nil {
			return nil
		}
		if e.ID != ber.Explicit(3) {
			continue
		}
		wrapped := e.Inside()
		ticket, ok := wrapped.Optional(ber.Application(1))
		if !ok {
			return nil
		}
		return readTicket(&ticket)
	}
	return nil
}

// inSequence reads the sequence inside an element.
func inSequence(e *ber.Element) ber.Reader {
	r := e.Inside()
	seq, ok := r.Optional(ber.Sequence)
	if !ok {
		return ber.Reader{}
	}
	return seq.Inside()
}

func readTicket(ticket *ber.Element) *Kerberos {
	k := &Kerberos{}
	r := inSequence(ticket)
	for r.More() {
		e, err := r.Next()
		if err != nil {
			break
		}
		switch e.ID {
		case ber.Explicit(1):
			in := e.Inside()
			if s, err := in.Next(); err == nil {
				k.Realm = append([]byte(nil), s.Body[:min(len(s.Body), nameMax)]...)
			}
		case ber.Explicit(2):
			for name := inSequence(&e); name.More(); {
				part, err := name.Next()
				if err != nil {
					break
				}
				if part.ID != ber.Explicit(1) {
					continue
				}
				for list := inSequence(&part); list.More() && len(k.Services) < serviceParts; {
					s, err := list.Next()
					if err != nil {
						break
					}
					k.Services = append(k.Services, append([]byte(nil), s.Body[:min(len(s.Body), nameMax)]...))
				}
			}
		}
	}
	return k
}
