package signature

import (
	"strconv"
	"strings"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/pcre"
	"fengsui/analyze/signature/rule"
)

// contentBytesMax bounds one content. Rules in the field stay below 600.
const contentBytesMax = 4096

// streamBytesMax bounds depth and offset, as Suricata does.
const streamBytesMax = 1<<16 - 1

// relativeMax bounds distance and within, as Suricata does.
const relativeMax = 1 << 20

func contentKeywords() map[string]keyword {
	return map[string]keyword{
		"content":      {value: valueNeeded, parse: optContent},
		"uricontent":   {value: valueNeeded, parse: optURIContent},
		"nocase":       {value: valueNone, parse: optNoCase},
		"depth":        {value: valueNeeded, parse: optDepth},
		"offset":       {value: valueNeeded, parse: optOffset},
		"distance":     {value: valueNeeded, parse: optDistance},
		"within":       {value: valueNeeded, parse: optWithin},
		"startswith":   {value: valueNone, parse: optStartsWith},
		"endswith":     {value: valueNone, parse: optEndsWith},
		"fast_pattern": {value: valueOptional, parse: optFastPattern},
		"rawbytes":     {value: valueNone, parse: ignore}, // no buffer is decoded behind the rule's back here
		"pkt_data":     {value: valueNone, parse: optPktData},
		"pcre":         {value: valueNeeded, parse: optPcre},
		"bsize":        {value: valueNeeded, parse: optBsize},
		"absent":       {value: valueOptional, parse: optAbsent},
	}
}

// parseContent decodes the text of a content: |hex| pieces and escaped characters.
func parseContent(value string) (pattern []byte, negated bool, err error) {
	at := 0
	if strings.HasPrefix(value, "!") {
		negated = true
		trimmed := strings.TrimLeft(value[1:], " \t")
		at = len(value) - len(trimmed)
		value = trimmed
	}
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return nil, false, atOffset(at, "content is not in double quotes")
	}
	value = value[1 : len(value)-1]
	at++
	hexMode, high := false, -1
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '|':
			if hexMode && high >= 0 {
				return nil, false, atOffset(at+i, "hexadecimal part has an odd number of digits")
			}
			hexMode = !hexMode
		case hexMode:
			if c == ' ' || c == ',' {
				continue
			}
			digit, err := strconv.ParseUint(string(c), 16, 8)
			if err != nil {
				return nil, false, atOffset(at+i, "%q is not hexadecimal", c)
			}
			if high < 0 {
				high = int(digit)
				continue
			}
			pattern = append(pattern, byte(high<<4|int(digit)))
			high = -1
		case c == '\\':
			i++
			if i == len(value) || strings.IndexByte(`:;"\`, value[i]) < 0 {
				return nil, false, atOffset(at+i-1, `only : ; " and \ may follow a backslash`)
			}
			pattern = append(pattern, value[i])
		case c == '"':
			return nil, false, atOffset(at+i, "double quote without a backslash")
		default:
			pattern = append(pattern, c)
		}
	}
	switch {
	case hexMode:
		return nil, false, atOffset(at, "hexadecimal part has no | at its end")
	case len(pattern) == 0:
		return nil, false, atOffset(at, "content is empty")
	case len(pattern) > contentBytesMax:
		return nil, false, atOffset(at, "content is longer than %d bytes", contentBytesMax)
	}
	return pattern, negated, nil
}

func optContent(b *builder, o rule.Option) error {
	pattern, negated, err := parseContent(o.Value)
	if err != nil {
		return err
	}
	none := inspect.Plain(0)
	c := &inspect.Content{Pattern: pattern, Negated: negated, Offset: none, Depth: none, Distance: none, Within: none}
	b.addStep(c, false)
	b.lastTo = c
	if !b.inner {
		b.last = b.cur
		b.where[c] = b.cur
	}
	return nil
}

func optURIContent(b *builder, o rule.Option) error {
	if err := optContent(b, o); err != nil {
		return err
	}
	return legacyModifier("http.uri")(b, o)
}

// legacyModifier moves the last content into a buffer.
func legacyModifier(target string) func(*builder, rule.Option) error {
	return func(b *builder, _ rule.Option) error {
		if b.sticky && b.lastTo == nil { // written as a sticky buffer after all
			b.setBuffer(findBuffer(target))
			return nil
		}
		from := b.where[b.lastTo]
		if b.lastTo == nil || from == nil {
			return atOffset(0, "no content stands before it")
		}
		to := b.listOf(findBuffer(target))
		if from == to {
			return nil
		}
		for i, step := range from.steps {
			if step == inspect.Step(b.lastTo) {
				from.steps = append(from.steps[:i:i], from.steps[i+1:]...)
				break
			}
		}
		to.steps = append(to.steps, b.lastTo)
		b.where[b.lastTo] = to
		b.last = to
		return nil
	}
}

// content gives the content a modifier belongs to.
func (b *builder) content() (*inspect.Content, error) {
	if b.lastTo == nil {
		return nil, atOffset(0, "no content stands before it")
	}
	return b.lastTo, nil
}

func optNoCase(b *builder, _ rule.Option) error {
	c, err := b.content()
	if err != nil {
		return err
	}
	if !c.NoCase {
		c.NoCase = true
		c.Pattern = lowered(c.Pattern)
	}
	return nil
}

func lowered(p []byte) []byte {
	out := make([]byte, len(p))
	for i, ch := range p {
		if ch >= 'A' && ch <= 'Z' {
			ch |= 0x20
		}
		out[i] = ch
	}
	return out
}

func optDepth(b *builder, o rule.Option) error {
	c, err := b.content()
	if err != nil {
		return err
	}
	if c.HasDepth || c.StartsWith {
		return atOffset(0, "content has a depth already")
	}
	if c.Depth, err = b.number(o.Value, 0, streamBytesMax); err != nil {
		return err
	}
	c.HasDepth = true
	if c.Depth.Var == inspect.NoVar {
		if c.Depth.Plain < int64(len(c.Pattern)) {
			return atOffset(0, "depth is smaller than the content's %d bytes", len(c.Pattern))
		}
		// Plain depths count from the offset: kept summed up, as Suricata does.
		if c.HasOffset && c.Offset.Var == inspect.NoVar {
			c.Depth.Plain += c.Offset.Plain
		}
	}
	return nil
}

func optOffset(b *builder, o rule.Option) error {
	c, err := b.content()
	if err != nil {
		return err
	}
	if c.HasOffset || c.StartsWith {
		return atOffset(0, "content has an offset already")
	}
	if c.Offset, err = b.number(o.Value, 0, streamBytesMax); err != nil {
		return err
	}
	c.HasOffset = true
	if c.HasDepth && c.Depth.Var == inspect.NoVar && c.Offset.Var == inspect.NoVar {
		c.Depth.Plain += c.Offset.Plain
	}
	return nil
}

func optDistance(b *builder, o rule.Option) error {
	c, err := b.content()
	if err != nil {
		return err
	}
	if c.HasDistance {
		return atOffset(0, "content has a distance already")
	}
	c.Distance, err = b.number(o.Value, -relativeMax, relativeMax)
	c.HasDistance = true
	return err
}

func optWithin(b *builder, o rule.Option) error {
	c, err := b.content()
	if err != nil {
		return err
	}
	if c.HasWithin {
		return atOffset(0, "content has a within already")
	}
	if c.Within, err = b.number(o.Value, -relativeMax, relativeMax); err != nil {
		return err
	}
	if c.Within.Var == inspect.NoVar && c.Within.Plain < int64(len(c.Pattern)) {
		return atOffset(0, "within is smaller than the content's %d bytes", len(c.Pattern))
	}
	c.HasWithin = true
	return nil
}

func optStartsWith(b *builder, _ rule.Option) error {
	c, err := b.content()
	if err != nil {
		return err
	}
	if c.HasDepth || c.HasOffset || c.Relative() {
		return atOffset(0, "startswith excludes depth, offset, distance and within")
	}
	c.StartsWith, c.HasDepth, c.HasOffset = true, true, true
	c.Depth, c.Offset = inspect.Plain(int64(len(c.Pattern))), inspect.Plain(0)
	return nil
}

func optEndsWith(b *builder, _ rule.Option) error {
	c, err := b.content()
	if err != nil {
		return err
	}
	c.EndsWith = true
	return nil
}

func optFastPattern(b *builder, o rule.Option) error {
	c, err := b.content()
	if err != nil {
		return err
	}
	b.fast, b.chop = c, [2]int{0, len(c.Pattern)}
	if !o.HasValue || o.Value == "only" {
		return nil
	}
	from, length, ok := strings.Cut(o.Value, ",")
	if !ok {
		return atOffset(0, "want fast_pattern, fast_pattern:only or fast_pattern:offset,length")
	}
	start, err := parseUint(strings.TrimSpace(from), streamBytesMax)
	if err != nil {
		return err
	}
	size, err := parseUint(strings.TrimSpace(length), streamBytesMax)
	if err != nil {
		return err
	}
	if size == 0 || start+size > uint64(len(c.Pattern)) {
		return atOffset(0, "part %d,%d lies outside the content's %d bytes", start, size, len(c.Pattern))
	}
	b.chop = [2]int{int(start), int(start + size)}
	return nil
}

func optPktData(b *builder, _ rule.Option) error {
	b.cur, b.sticky, b.inner = b.lists[0], false, false
	return nil
}

func optBsize(b *builder, o rule.Option) error {
	cond, err := number.Parse(o.Value, 1<<32-1)
	if err != nil {
		return err
	}
	if b.cur.buffer == nil && !b.inner {
		return atOffset(0, "bsize needs a sticky buffer before it")
	}
	b.addStep(&inspect.Check{Test: func(data []byte) bool { return cond.Match(uint64(len(data))) }}, false)
	return nil
}

func optAbsent(b *builder, o rule.Option) error {
	if b.cur.buffer == nil || b.cur.buffer.header != nil {
		return atOffset(0, "absent needs a sticky buffer before it")
	}
	if o.HasValue && o.Value != "or_else" {
		return atOffset(0, "absent takes no value but or_else")
	}
	l := b.settle()
	l.absent, l.orElse = true, o.HasValue
	return nil
}

// optPcre reads /expression/flags with an optional ! in front; names of captures after a comma only feed logs and are ignored.
func optPcre(b *builder, o rule.Option) error {
	value, at := o.Value, 0
	negated := strings.HasPrefix(value, "!")
	if negated {
		trimmed := strings.TrimLeft(value[1:], " \t")
		at = len(value) - len(trimmed)
		value = trimmed
	}
	if strings.HasPrefix(value, `"`) {
		if len(value) < 2 || value[len(value)-1] != '"' {
			return atOffset(at, "expression is not in double quotes")
		}
		value = value[1 : len(value)-1]
		at++
	}
	end := strings.LastIndexByte(value, '/')
	if !strings.HasPrefix(value, "/") || end == 0 {
		return atOffset(at, "expression is not between slashes")
	}
	flags, _, _ := strings.Cut(value[end+1:], ",")
	opt, relative, bufferName, err := pcreFlags(strings.TrimSpace(flags))
	if err != nil {
		return atOffset(at+end+1, "%v", err)
	}
	expr, err := pcre.Compile(value[1:end], opt)
	if err != nil {
		return atOffset(at+1, "%v", err)
	}
	step := &inspect.Regex{Expr: expr, Relative: relative, Negated: negated}
	if bufferName != "" && !b.sticky {
		l := b.listOf(findBuffer(bufferName))
		l.steps = append(l.steps, step)
		b.last = l
		return nil
	}
	// Inside a sticky buffer the flag says nothing: the expression stays there, as in Suricata.
	b.addStep(step, false)
	if !b.inner {
		b.last = b.cur
	}
	return nil
}

func pcreFlags(flags string) (opt pcre.Options, relative bool, bufferName string, err error) {
	for i := 0; i < len(flags); i++ {
		switch c := flags[i]; c {
		case 'i':
			opt.Caseless = true
		case 'm':
			opt.Multiline = true
		case 's':
			opt.DotAll = true
		case 'x':
			opt.Extended = true
		case 'A':
			opt.Anchored = true
		case 'E':
			opt.DollarEnd = true
		case 'G':
			opt.Ungreedy = true
		case 'B', 'O', ' ':
		case 'R':
			relative = true
		default:
			name, ok := pcreBuffers[c]
			if !ok {
				return opt, false, "", atOffset(0, "flag %c is not known", c)
			}
			if bufferName != "" && bufferName != name {
				return opt, false, "", atOffset(0, "flags name two buffers")
			}
			bufferName = name
		}
	}
	return opt, relative, bufferName, nil
}
