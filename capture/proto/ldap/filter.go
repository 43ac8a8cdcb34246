package ldap

import "fengsui/capture/proto/ber"

const filterDepth = 16

// appendFilter writes a search filter as text (RFC 4515); what cannot be read becomes a question mark.
func appendFilter(dst []byte, e *ber.Element, depth int) []byte {
	if len(dst) >= filterMax || depth > filterDepth {
		return append(dst, '?')
	}
	dst = append(dst, '(')
	switch e.ID {
	case ber.Explicit(0), ber.Explicit(1), ber.Explicit(2): // and, or, not
		dst = append(dst, "&|!"[e.ID&3])
		for r := e.Inside(); r.More() && len(dst) < filterMax; {
			sub, err := r.Next()
			if err != nil {
				dst = append(dst, '?')
				break
			}
			dst = appendFilter(dst, &sub, depth+1)
		}
	case ber.Explicit(3):
		dst = appendAssertion(dst, e, "=")
	case ber.Explicit(5):
		dst = appendAssertion(dst, e, ">=")
	case ber.Explicit(6):
		dst = appendAssertion(dst, e, "<=")
	case ber.Explicit(8):
		dst = appendAssertion(dst, e, "~=")
	case ber.Explicit(4):
		dst = appendSubstrings(dst, e)
	case ber.Context(7):
		dst = append(appendEscaped(dst, e.Body), "=*"...)
	case ber.Explicit(9):
		dst = appendExtensible(dst, e)
	default:
		dst = append(dst, '?')
	}
	return append(dst, ')')
}

func appendAssertion(dst []byte, e *ber.Element, operator string) []byte {
	r := e.Inside()
	kind, _ := octets(&r)
	value, ok := octets(&r)
	if !ok {
		return append(dst, '?')
	}
	return appendEscaped(append(appendEscaped(dst, kind), operator...), value)
}

func appendSubstrings(dst []byte, e *ber.Element) []byte {
	r := e.Inside()
	kind, _ := octets(&r)
	dst = append(appendEscaped(dst, kind), '=')
	seq, err := r.Expect(ber.Sequence)
	if err != nil {
		return append(dst, '?')
	}
	last := byte(0)
	for in := seq.Inside(); in.More() && len(dst) < filterMax; {
		p, err := in.Next()
		if err != nil {
			break
		}
		if p.ID != ber.Context(0) {
			dst = append(dst, '*')
		}
		dst = appendEscaped(dst, p.Body)
		last = p.ID
	}
	if last != ber.Context(2) {
		dst = append(dst, '*')
	}
	return dst
}

func appendExtensible(dst []byte, e *ber.Element) []byte {
	var rule, kind, value []byte
	names := false
	for r := e.Inside(); r.More(); {
		p, err := r.Next()
		if err != nil {
			break
		}
		switch p.ID {
		case ber.Context(1):
			rule = p.Body
		case ber.Context(2):
			kind = p.Body
		case ber.Context(3):
			value = p.Body
		case ber.Context(4):
			names = p.Bool()
		}
	}
	dst = appendEscaped(dst, kind)
	if names {
		dst = append(dst, ":dn"...)
	}
	if len(rule) > 0 {
		dst = appendEscaped(append(dst, ':'), rule)
	}
	return appendEscaped(append(dst, ":="...), value)
}

// appendEscaped writes a value with the escapes of RFC 4515 3.
func appendEscaped(dst, b []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range b[:min(len(b), textMax)] {
		if c < ' ' || c >= 0x7f || c == '(' || c == ')' || c == '*' || c == '\\' {
			dst = append(dst, '\\', digits[c>>4], digits[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
