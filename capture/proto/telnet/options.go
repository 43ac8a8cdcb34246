package telnet

import "bytes"

// Commands and options (IANA telnet-options).
const (
	iac  = 255
	dont = 254
	do   = 253
	wont = 252
	will = 251
	sb   = 250
	se   = 240

	optTerminal = 24
	optWindow   = 31
	optEncrypt  = 38
	optEnviron  = 39

	subMax     = 1024
	environMax = 16
	valueMax   = 256

	encryptStart = 3
)

// place is where the reading of commands stands.
type place uint8

const (
	inText place = iota
	afterIAC
	afterVerb  // WILL, WONT, DO, DONT: the option follows
	inSub      // subnegotiation
	afterInSub // IAC within one
)

// commands takes the commands out of one direction.
type commands struct {
	at  place
	sub []byte
	// content is told of each subnegotiation, tooLong of one that is too long.
	content func(option byte, b []byte)
	tooLong func()
}

// text appends to dst what of b is no command.
func (o *commands) text(dst, b []byte) []byte {
	for _, c := range b {
		switch o.at {
		case inText:
			if c == iac {
				o.at = afterIAC
				continue
			}
			dst = append(dst, c)
		case afterIAC:
			switch {
			case c == iac:
				dst = append(dst, c)
				o.at = inText
			case c >= will && c <= dont:
				o.at = afterVerb
			case c == sb:
				o.at, o.sub = inSub, o.sub[:0]
			default:
				o.at = inText
			}
		case afterVerb:
			o.at = inText
		case inSub:
			if c == iac {
				o.at = afterInSub
				continue
			}
			o.add(c)
		case afterInSub:
			if c == iac {
				o.add(c)
				o.at = inSub
				continue
			}
			o.at = inText
			if len(o.sub) > 0 {
				o.content(o.sub[0], o.sub[1:])
			}
			if c >= will && c <= dont { // the end is missing
				o.at = afterVerb
			}
		}
	}
	return dst
}

// add adds a byte to the subnegotiation.
func (o *commands) add(c byte) {
	if len(o.sub) < subMax {
		o.sub = append(o.sub, c)
		return
	}
	o.tooLong()
	o.at = inText
}

// Variable is one environment variable the client sends.
type Variable struct{ Name, Value []byte }

// environ reads IS or INFO of RFC 1572 (and of RFC 1408, which has the same codes).
func environ(b []byte) []Variable {
	if len(b) == 0 || b[0] != 0 && b[0] != 2 {
		return nil
	}
	var list []Variable
	var to *[]byte
	b = b[1:]
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case 0, 3: // VAR, USERVAR
			if len(list) == environMax {
				return list
			}
			list = append(list, Variable{})
			to = &list[len(list)-1].Name
		case 1: // VALUE
			if len(list) > 0 {
				to = &list[len(list)-1].Value
			}
		default:
			if c == 2 && i+1 < len(b) { // ESC
				i++
				c = b[i]
			}
			if to != nil && len(*to) < valueMax {
				*to = append(*to, c)
			}
		}
	}
	return list
}

// terminal reads IS of RFC 1091.
func terminal(b []byte) []byte {
	if len(b) < 2 || b[0] != 0 {
		return nil
	}
	return bytes.Clone(b[1:min(len(b), valueMax)])
}
