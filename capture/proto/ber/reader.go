package ber

import "errors"

// Errors of reading. ErrShort means that the element may become readable with more bytes; the others are final.
var (
	ErrShort  = errors.New("element is not complete")
	ErrLength = errors.New("length is not valid")
	ErrTag    = errors.New("tag number is too large")
	ErrDepth  = errors.New("elements nest too deep")
	ErrType   = errors.New("element has another type than expected")
)

// DepthMax is how deep elements may nest.
const DepthMax = 24

const (
	lengthMax = 1<<31 - 1
	tagMax    = 1<<28 - 1

	constructedBit = 0x20
	tagBits        = 0x1f
)

// Identifier octets of the universal types that protocols use (X.680 8.4), with the constructed bit where it belongs.
const (
	Boolean     = 0x01
	Integer     = 0x02
	BitString   = 0x03
	OctetString = 0x04
	Null        = 0x05
	OID         = 0x06
	Enumerated  = 0x0a
	UTF8String  = 0x0c
	Sequence    = 0x30
	Set         = 0x31
)

// Context returns the identifier octet of a primitive element with context-specific tag n (n < 31).
func Context(n byte) byte { return 0x80 | n }

// Explicit returns the identifier octet of a constructed element with context-specific tag n (n < 31).
func Explicit(n byte) byte { return 0xa0 | n }

// Application returns the identifier octet of a constructed element with application tag n (n < 31).
func Application(n byte) byte { return 0x60 | n }

// Element is one encoded value.
type Element struct {
	ID         byte   // first identifier octet: class, constructed bit and, below 31, the tag number
	Tag        uint32 // tag number
	Header     int    // octets of identifier and length
	Body       []byte // contents, without end-of-contents octets
	Indefinite bool
	depth      int
}

// Constructed tells whether the contents are elements.
func (e *Element) Constructed() bool { return e.ID&constructedBit != 0 }

// Reader reads elements one after the other.
type Reader struct {
	rest  []byte
	depth int
}

// NewReader reads the elements of b.
func NewReader(b []byte) Reader { return Reader{rest: b} }

// Inside reads the elements inside e.
func (e *Element) Inside() Reader { return Reader{rest: e.Body, depth: e.depth + 1} }

// More tells whether bytes are left.
func (r *Reader) More() bool { return len(r.rest) > 0 }

// Rest returns what is left.
func (r *Reader) Rest() []byte { return r.rest }

// Peek returns the identifier octet of the next element, 0 (which no element of a schema has) at the end.
func (r *Reader) Peek() byte {
	if len(r.rest) == 0 {
		return 0
	}
	return r.rest[0]
}

// Next reads an element and goes past it. After an error nothing has been read.
func (r *Reader) Next() (Element, error) {
	if r.depth >= DepthMax {
		return Element{}, ErrDepth
	}
	e, n, err := element(r.rest, r.depth)
	if err != nil {
		return Element{}, err
	}
	r.rest = r.rest[n:]
	return e, nil
}

// Expect reads an element that must have this identifier octet; another one is left unread and gives ErrType.
func (r *Reader) Expect(id byte) (Element, error) {
	if len(r.rest) > 0 && r.rest[0] != id {
		return Element{}, ErrType
	}
	return r.Next()
}

// Optional reads the next element if it has this identifier octet.
func (r *Reader) Optional(id byte) (e Element, ok bool) {
	if r.Peek() != id {
		return Element{}, false
	}
	e, err := r.Next()
	return e, err == nil
}

// Head reads identifier and length at the start of b. size is how many octets the whole element has, -1 when its length is
// indefinite. The contents need not be there; ErrShort means that not even the head is.
func Head(b []byte) (e Element, size int, err error) {
	if len(b) < 2 {
		return Element{}, 0, ErrShort
	}
	e.ID, e.Tag, e.Header = b[0], uint32(b[0]&tagBits), 1
	if e.Tag == tagBits {
		e.Tag = 0
		for {
			if e.Header >= len(b) {
				return Element{}, 0, ErrShort
			}
			c := b[e.Header]
			e.Header++
			e.Tag = e.Tag<<7 | uint32(c&0x7f)
			if e.Tag > tagMax || e.Header > 5 {
				return Element{}, 0, ErrTag
			}
			if c&0x80 == 0 {
				break
			}
		}
	}
	if e.Header >= len(b) {
		return Element{}, 0, ErrShort
	}
	first := b[e.Header]
	e.Header++
	switch {
	case first < 0x80:
		return e, e.Header + int(first), nil
	case first == 0x80:
		if !e.Constructed() {
			return Element{}, 0, ErrLength
		}
		e.Indefinite = true
		return e, -1, nil
	}
	n, digits := 0, int(first&0x7f)
	for range digits {
		if e.Header >= len(b) {
			return Element{}, 0, ErrShort
		}
		if n > lengthMax>>8 {
			return Element{}, 0, ErrLength
		}
		n = n<<8 | int(b[e.Header])
		e.Header++
		if e.Header > 64 { // leading zeros are legal, but not without end
			return Element{}, 0, ErrLength
		}
	}
	return e, e.Header + n, nil
}

// Size returns how many octets the element at the start of b has; ErrShort when more of it must come to tell.
func Size(b []byte) (int, error) {
	e, size, err := Head(b)
	if err != nil || size >= 0 {
		return size, err
	}
	n, err := endOfContents(b[e.Header:], 1)
	return e.Header + n, err
}

// element reads the element at the start of b and tells its size.
func element(b []byte, depth int) (Element, int, error) {
	e, size, err := Head(b)
	if err != nil {
		return Element{}, 0, err
	}
	e.depth = depth
	if e.Indefinite {
		n, err := endOfContents(b[e.Header:], depth+1)
		if err != nil {
			return Element{}, 0, err
		}
		e.Body = b[e.Header : e.Header+n-2]
		return e, e.Header + n, nil
	}
	if size > len(b) {
		return Element{}, 0, ErrShort
	}
	e.Body = b[e.Header:size]
	return e, size, nil
}

// endOfContents returns how many octets of b there are up to and with the two zero octets that end an indefinite length.
func endOfContents(b []byte, depth int) (int, error) {
	open, at := 1, 0 // how many indefinite elements are open
	for {
		if len(b)-at < 2 {
			return 0, ErrShort
		}
		if b[at] == 0 && b[at+1] == 0 {
			at += 2
			if open--; open == 0 {
				return at, nil
			}
			continue
		}
		e, size, err := Head(b[at:])
		if err != nil {
			return 0, err
		}
		if e.Indefinite {
			if open++; depth+open > DepthMax {
				return 0, ErrDepth
			}
			at += e.Header
			continue
		}
		if size > len(b)-at {
			return 0, ErrShort
		}
		at += size
	}
}
