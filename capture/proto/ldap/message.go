package ldap

import (
	"errors"

	"fengsui/capture/proto/ber"
)

// Operations: the application tags of RFC 4511.
const (
	BindRequest     = 0
	BindResponse    = 1
	UnbindRequest   = 2
	SearchRequest   = 3
	SearchEntry     = 4
	SearchDone      = 5
	ModifyRequest   = 6
	ModifyResponse  = 7
	AddRequest      = 8
	AddResponse     = 9
	DelRequest      = 10
	DelResponse     = 11
	ModDNRequest    = 12
	ModDNResponse   = 13
	CompareRequest  = 14
	CompareResponse = 15
	AbandonRequest  = 16
	SearchReference = 19
	ExtendedRequest = 23
	ExtendedAnswer  = 24
	Intermediate    = 25
)

// Attribute is one value of an attribute, or an attribute without value.
type Attribute struct {
	Type, Value []byte
	HasValue    bool
}

// Request is what a request says.
type Request struct {
	Op                   uint8
	ID                   uint64
	DN                   []byte // of the entry the operation is about; the name of a bind
	HasDN                bool
	Version              uint8  // of a bind
	Mechanism            []byte // of a SASL bind
	Simple               bool   // a simple bind; Password tells whether one was sent
	Password             bool
	Scope, Deref         uint8 // of a search
	SizeLimit, TimeLimit uint64
	TypesOnly            bool
	Filter               []byte // RFC 4515
	Types                [][]byte
	Attributes           []Attribute
	NewRDN, NewSuperior  []byte
	DeleteOld            bool
	Name                 []byte // of an extended request
	Abandoned            uint64
}

// Response is what a response says.
type Response struct {
	Op         uint8
	ID         uint64
	DN         []byte // of an entry, or the matched one of a result
	HasResult  bool
	Result     uint32
	Message    []byte // of a result
	Types      [][]byte
	Attributes []Attribute
	Name       []byte // of an extended or intermediate response
	References [][]byte
}

// ErrMalformed is returned for bytes that are no message.
var ErrMalformed = errors.New("not an LDAP message")

// isRequest tells whether an operation is a request, and whether it is known at all.
func isRequest(op uint32) (request, known bool) {
	switch op {
	case BindRequest, UnbindRequest, SearchRequest, ModifyRequest, AddRequest, DelRequest, ModDNRequest, CompareRequest, AbandonRequest, ExtendedRequest:
		return true, true
	case BindResponse, SearchEntry, SearchDone, ModifyResponse, AddResponse, DelResponse, ModDNResponse, CompareResponse, SearchReference, ExtendedAnswer, Intermediate:
		return false, true
	}
	return false, false
}

// pool counts what all unfinished transactions of a flow keep.
type pool struct{ bytes, responses int }

// budget bounds what is kept of one transaction's texts, and by its pool of all.
type budget struct {
	bytes, count int
	pool         *pool
}

func (k *budget) keep(b []byte) []byte {
	b = b[:min(len(b), textMax, max(0, min(keptMax-k.bytes, poolMax-k.pool.bytes)))]
	k.bytes += len(b)
	k.pool.bytes += len(b)
	return append([]byte{}, b...)
}

// open reads the head of a message: ID and operation.
func open(b []byte) (id uint64, op ber.Element, err error) {
	r := ber.NewReader(b)
	seq, err := r.Expect(ber.Sequence)
	if err != nil {
		return 0, op, ErrMalformed
	}
	in := seq.Inside()
	n, err := in.Expect(ber.Integer)
	if err != nil {
		return 0, op, ErrMalformed
	}
	id, ok := n.Uint()
	if op, err = in.Next(); err != nil || !ok || op.ID&0xc0 != 0x40 {
		return 0, op, ErrMalformed
	}
	if _, known := isRequest(op.Tag); !known {
		return 0, op, ErrMalformed
	}
	return id, op, nil
}

// octets reads a string.
func octets(r *ber.Reader) ([]byte, bool) {
	e, err := r.Expect(ber.OctetString)
	if err != nil {
		return nil, false
	}
	return e.Octets(), true
}

func number(r *ber.Reader, id byte) (uint64, bool) {
	e, err := r.Expect(id)
	if err != nil {
		return 0, false
	}
	return e.Uint()
}

// parse reads a request's operation.
func (q *Request) parse(op *ber.Element, k *budget) bool {
	q.Op = uint8(op.Tag)
	switch q.Op {
	case UnbindRequest:
		return true
	case AbandonRequest:
		q.Abandoned, _ = op.Uint()
		return true
	case DelRequest:
		q.DN, q.HasDN = k.keep(op.Body), true
		return true
	case ExtendedRequest:
		r := op.Inside()
		e, err := r.Expect(ber.Context(0))
		q.Name = k.keep(e.Body)
		return err == nil
	}
	r := op.Inside()
	if q.Op == BindRequest {
		return q.bind(&r, k)
	}
	dn, ok := octets(&r)
	if !ok {
		return false
	}
	q.DN, q.HasDN = k.keep(dn), true
	switch q.Op {
	case SearchRequest:
		return q.search(&r, k)
	case ModifyRequest:
		return q.modify(&r, k)
	case AddRequest:
		seq, err := r.Expect(ber.Sequence)
		if err != nil {
			return false
		}
		q.Types, q.Attributes, ok = attributes(seq.Inside(), k)
		return ok
	case ModDNRequest:
		rdn, ok := octets(&r)
		if !ok {
			return false
		}
		q.NewRDN = k.keep(rdn)
		if e, ok := r.Optional(ber.Boolean); ok {
			q.DeleteOld = e.Bool()
		}
		if e, ok := r.Optional(ber.Context(0)); ok {
			q.NewSuperior = k.keep(e.Body)
		}
	case CompareRequest:
		seq, err := r.Expect(ber.Sequence)
		if err != nil {
			return false
		}
		in := seq.Inside()
		kind, ok1 := octets(&in)
		value, ok2 := octets(&in)
		if !ok1 || !ok2 {
			return false
		}
		q.Types = [][]byte{k.keep(kind)}
		q.Attributes = []Attribute{{Type: q.Types[0], Value: k.keep(value), HasValue: true}}
	}
	return true
}

func (q *Request) bind(r *ber.Reader, k *budget) bool {
	v, ok := number(r, ber.Integer)
	if !ok {
		return false
	}
	name, ok := octets(r)
	if !ok {
		return false
	}
	q.Version, q.DN, q.HasDN = uint8(min(v, 255)), k.keep(name), true
	auth, err := r.Next()
	if err != nil {
		return false
	}
	switch auth.ID {
	case ber.Context(0):
		q.Simple, q.Password = true, len(auth.Body) > 0
	case ber.Explicit(3):
		in := auth.Inside()
		m, ok := octets(&in)
		q.Mechanism = k.keep(m)
		return ok
	case ber.Context(9), ber.Context(10), ber.Context(11): // Microsoft's Sicily authentication
		q.Mechanism = []byte("NTLM")
	}
	return true
}

func (q *Request) search(r *ber.Reader, k *budget) bool {
	scope, ok1 := number(r, ber.Enumerated)
	deref, ok2 := number(r, ber.Enumerated)
	size, ok3 := number(r, ber.Integer)
	limit, ok4 := number(r, ber.Integer)
	types, err := r.Expect(ber.Boolean)
	if !ok1 || !ok2 || !ok3 || !ok4 || err != nil {
		return false
	}
	q.Scope, q.Deref, q.SizeLimit, q.TimeLimit, q.TypesOnly = uint8(scope), uint8(deref), size, limit, types.Bool()
	filter, err := r.Next()
	if err != nil {
		return false
	}
	q.Filter = k.keep(appendFilter(nil, &filter, 0))
	list, ok := r.Optional(ber.Sequence)
	if !ok {
		return true
	}
	for in := list.Inside(); in.More() && k.count < attributesMax; k.count++ {
		a, ok := octets(&in)
		if !ok {
			return false
		}
		q.Types = append(q.Types, k.keep(a))
	}
	return true
}

func (q *Request) modify(r *ber.Reader, k *budget) bool {
	list, err := r.Expect(ber.Sequence)
	if err != nil {
		return false
	}
	for in := list.Inside(); in.More(); {
		change, err := in.Expect(ber.Sequence)
		if err != nil {
			return false
		}
		c := change.Inside()
		if _, ok := number(&c, ber.Enumerated); !ok {
			return false
		}
		types, list, ok := attributes(c, k)
		if !ok {
			return false
		}
		q.Types, q.Attributes = append(q.Types, types...), append(q.Attributes, list...)
	}
	return true
}

// attributes reads a list of attributes: sequences of a type and a set of values.
func attributes(r ber.Reader, k *budget) (types [][]byte, list []Attribute, ok bool) {
	for r.More() {
		if k.count >= attributesMax {
			break
		}
		e, err := r.Expect(ber.Sequence)
		if err != nil {
			return types, list, false
		}
		in := e.Inside()
		name, ok := octets(&in)
		if !ok {
			return types, list, false
		}
		kind := k.keep(name)
		types = append(types, kind)
		k.count++
		values, found := in.Optional(ber.Set)
		if !found {
			continue
		}
		for vals := values.Inside(); vals.More() && k.count < attributesMax; k.count++ {
			v, ok := octets(&vals)
			if !ok {
				return types, list, false
			}
			list = append(list, Attribute{Type: kind, Value: k.keep(v), HasValue: true})
		}
	}
	return types, list, true
}

// parse reads a response's operation.
func (p *Response) parse(op *ber.Element, k *budget) bool {
	p.Op = uint8(op.Tag)
	r := op.Inside()
	switch p.Op {
	case SearchEntry:
		dn, ok := octets(&r)
		if !ok {
			return false
		}
		p.DN = k.keep(dn)
		seq, err := r.Expect(ber.Sequence)
		if err != nil {
			return false
		}
		p.Types, p.Attributes, ok = attributes(seq.Inside(), k)
		return ok
	case SearchReference:
		for r.More() && k.count < attributesMax {
			uri, ok := octets(&r)
			if !ok {
				return false
			}
			k.count++
			p.References = append(p.References, k.keep(uri))
		}
		return true
	case Intermediate:
		if e, ok := r.Optional(ber.Context(0)); ok {
			p.Name = k.keep(e.Body)
		}
		return true
	}
	code, ok := number(&r, ber.Enumerated)
	if !ok {
		return false
	}
	p.HasResult, p.Result = true, uint32(min(code, 1<<32-1))
	dn, ok1 := octets(&r)
	message, ok2 := octets(&r)
	p.DN, p.Message = k.keep(dn), k.keep(message)
	if p.Op == ExtendedAnswer {
		for r.More() {
			e, err := r.Next()
			if err != nil {
				break
			}
			if e.ID == ber.Context(10) {
				p.Name = k.keep(e.Body)
			}
		}
	}
	return ok1 && ok2
}
