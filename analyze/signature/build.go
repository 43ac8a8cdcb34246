package signature

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"fengsui/analyze/signature/address"
	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/pcre"
	"fengsui/analyze/signature/rule"
	"fengsui/analyze/signature/transform"
)

// valueError is a bad option value with the place of the fault inside it.
type valueError struct {
	offset int
	reason string
}

func (e *valueError) Error() string { return e.reason }

func atOffset(offset int, format string, args ...any) error {
	return &valueError{offset: offset, reason: fmt.Sprintf(format, args...)}
}

// list is a buffer of the rule being built with the keywords on it.
type list struct {
	buffer     *buffer // nil: packet or stream bytes
	names      string
	transforms []transform.Func
	steps      []inspect.Step
	absent     bool
	orElse     bool
}

// builder compiles one rule.
type builder struct {
	c     *compiler
	src   *rule.Rule
	out   *sig
	lists []*list // lists[0] is the payload
	cur   *list   // where keywords go now; not in lists before its first keyword
	// sticky: a sticky buffer is in force, so relative keywords stay in it whatever came before.
	sticky  bool
	last    *list                      // of the last content or pcre
	lastTo  *inspect.Content           // the last content
	fast    *inspect.Content           // marked fast_pattern
	chop    [2]int                     // fast_pattern:offset,length
	where   map[*inspect.Content]*list // which list a content is in
	vars    map[string]inspect.Var
	base64  *inspect.Base64 // base64_data: keywords go into it
	decoded []inspect.Step
	inner   bool // inside base64_data

	txApps     appSet // protocols of the header whose transactions the rule may look at; 0: any
	flowSeen   bool   // looks at the flow or the single packet: never judged once per flow
	streamSize bool
}

func newBuilder(c *compiler, src *rule.Rule) *builder {
	payload := &list{}
	return &builder{
		c: c, src: src, out: &sig{Meta: Meta{GID: 1, Priority: 3, File: src.Pos.File, Line: src.Pos.Line}, dirs: bothDirs},
		lists: []*list{payload}, cur: payload, where: map[*inspect.Content]*list{},
		vars: map[string]inspect.Var{},
	}
}

// build compiles the rule or says why not.
func (b *builder) build() (*sig, *Refusal) {
	if r := b.header(); r != nil {
		return nil, r
	}
	for _, o := range b.src.Options {
		if r := b.option(o); r != nil {
			return nil, r
		}
		if b.c.opt.watch != nil {
			b.c.opt.watch(b, o)
		}
	}
	if keyword, err := b.finish(); err != nil {
		return nil, b.refuseAt(b.src.Pos, keyword, err.Error())
	}
	return b.out, nil
}

// option takes one option of the rule.
func (b *builder) option(o rule.Option) *Refusal {
	k, ok := b.c.keywords[o.Name]
	if !ok {
		if bf := findBuffer(o.Name); bf != nil && !o.HasValue {
			b.setBuffer(bf)
			return nil
		}
		if done, err := b.fieldKeyword(o); done {
			if err != nil {
				return b.refuse(o, err)
			}
			return nil
		}
		if transform.Known(o.Name) {
			if err := b.addTransform(o); err != nil {
				return b.refuse(o, err)
			}
			return nil
		}
		return b.refuseAt(o.Pos, o.Name, unsupportedReason(o.Name))
	}
	if k.value == valueNeeded && o.Value == "" {
		return b.refuseAt(o.Pos, o.Name, "needs a value")
	}
	if k.value == valueNone && o.HasValue {
		return b.refuseAt(o.ValuePos, o.Name, "takes no value")
	}
	if err := k.parse(b, o); err != nil {
		return b.refuse(o, err)
	}
	return nil
}

func (b *builder) refuse(o rule.Option, err error) *Refusal {
	pos := o.ValuePos
	var at *valueError
	var addr *address.Error
	var syntax *pcre.SyntaxError
	switch {
	case errors.As(err, &at):
		pos.Column += at.offset
	case errors.As(err, &addr):
		pos.Column += addr.Offset
	case errors.As(err, &syntax):
		pos.Column += syntax.Offset
	}
	return b.refuseAt(pos, o.Name, err.Error())
}

func (b *builder) refuseAt(pos rule.Pos, keyword, reason string) *Refusal {
	sid := b.out.SID
	if sid == 0 {
		if v, ok := b.src.First("sid"); ok {
			if n, err := strconv.ParseUint(v, 10, 32); err == nil {
				sid = uint32(n)
			}
		}
	}
	return &Refusal{File: pos.File, Line: pos.Line, Column: pos.Column, SID: sid, Keyword: keyword, Reason: reason}
}

// setBuffer makes a sticky buffer current.
func (b *builder) setBuffer(bf *buffer) {
	b.sticky, b.inner = true, false
	b.cur = &list{buffer: bf}
}

func (b *builder) addTransform(o rule.Option) error {
	f, err := transform.Parse(o.Name, o.Value, o.HasValue)
	if err != nil {
		return err
	}
	if b.cur.buffer == nil {
		return atOffset(0, "transform without a sticky buffer before it")
	}
	if slices.Contains(b.lists, b.cur) { // keywords before it keep the buffer as it was
		b.cur = &list{buffer: b.cur.buffer}
	}
	b.cur.transforms = append(b.cur.transforms, f)
	b.cur.names += "+" + o.Name + ":" + o.Value
	return nil
}

// settle puts the current list among those of the rule; a buffer used again goes on with the list it has, unless it has several values.
func (b *builder) settle() *list {
	if slices.Contains(b.lists, b.cur) {
		return b.cur
	}
	if !b.cur.buffer.multi {
		for _, l := range b.lists {
			if l.buffer == b.cur.buffer && l.names == b.cur.names {
				b.cur = l
				return l
			}
		}
	}
	b.lists = append(b.lists, b.cur)
	return b.cur
}

// addStep adds a keyword to the current buffer; a relative one outside sticky buffers goes where the last content or pcre is.
func (b *builder) addStep(s inspect.Step, relative bool) {
	if b.inner {
		b.decoded = append(b.decoded, s)
		return
	}
	l := b.settle()
	if relative && !b.sticky && b.last != nil {
		l = b.last
	}
	l.steps = append(l.steps, s)
}

// listOf finds or makes the list of a buffer without making it current.
func (b *builder) listOf(bf *buffer) *list {
	for _, l := range b.lists {
		if l.buffer == bf && l.names == "" {
			return l
		}
	}
	l := &list{buffer: bf}
	b.lists = append(b.lists, l)
	return l
}

// variable finds the slot of a byte_extract or byte_math result.
func (b *builder) variable(name string) (inspect.Var, bool) {
	v, ok := b.vars[name]
	return v, ok
}

func (b *builder) newVariable(name string) (inspect.Var, error) {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return 0, fmt.Errorf("%q is no name for a variable", name)
	}
	if v, ok := b.vars[name]; ok {
		return v, nil
	}
	if len(b.vars) == inspect.VarsMax {
		return 0, fmt.Errorf("more than %d variables", inspect.VarsMax)
	}
	v := inspect.Var(len(b.vars))
	b.vars[name] = v
	return v, nil
}

// number reads a number or a variable's name.
func (b *builder) number(text string, low, high int64) (inspect.Number, error) {
	if v, ok := b.variable(text); ok {
		return inspect.Number{Var: v}, nil
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return inspect.Number{}, fmt.Errorf("%q is neither a number nor a variable set before", text)
	}
	if n < low || n > high {
		return inspect.Number{}, fmt.Errorf("%d is not between %d and %d", n, low, high)
	}
	return inspect.Plain(n), nil
}
