package signature

import (
	"strings"

	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
)

func txKeywords() map[string]keyword {
	return map[string]keyword{
		"urilen": {value: valueNeeded, parse: optURILen},
		"frame":  {value: valueNeeded, parse: optFrame},
	}
}

// fieldKeyword compiles a numeric or other condition of the tables of package field; done is false when it is none.
func (b *builder) fieldKeyword(o rule.Option) (done bool, err error) {
	c := txCheck{name: o.Name}
	if by := fields.numbers[o.Name]; by != nil {
		err = b.numberTests(&c, by, o)
	} else if by := fields.tests[o.Name]; by != nil {
		err = b.otherTests(&c, by, o)
	} else {
		return false, nil
	}
	if err == nil {
		b.out.txs = append(b.out.txs, c)
	}
	return true, err
}

// addApps calls make for each protocol of a keyword. A protocol that cannot read the value is left out; when none can, that is the error.
func addApps[T any](c *txCheck, by map[flow.App]*T, make func(k *T) (appTest, error)) error {
	var first error
	for app := range flow.App(appsMax) {
		k := by[app]
		if k == nil {
			continue
		}
		t, err := make(k)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		t.app = app
		c.apps |= appBit(app)
		c.tests = append(c.tests, t)
	}
	if c.apps == 0 {
		return first
	}
	return nil
}

func (b *builder) numberTests(c *txCheck, by map[flow.App]*field.Number, o rule.Option) error {
	if o.Value == "" {
		return atOffset(0, "needs a value")
	}
	return addApps(c, by, func(k *field.Number) (appTest, error) {
		m, err := number.ParseMulti(rule.Unquote(o.Value), k.Max, k.Words, k.Bits)
		if err != nil {
			return appTest{}, err
		}
		t := appTest{dirs: dirSet(k.Dirs), need: k.Need, late: k.Late}
		get := k.Get
		if m.Waits() {
			c.final = true
			t.test = func(v *field.View) bool { return m.Match(func(i int) (uint64, bool) { return get(v, i) }) }
			return t, nil
		}
		cond := m.Value()
		t.test = func(v *field.View) bool {
			for i := 0; ; i++ {
				n, ok := get(v, i)
				if !ok {
					return false
				}
				if cond.Match(n) {
					return true
				}
			}
		}
		return t, nil
	})
}

func (b *builder) otherTests(c *txCheck, by map[flow.App]*field.Test, o rule.Option) error {
	return addApps(c, by, func(k *field.Test) (appTest, error) {
		switch {
		case k.Value == field.ValueNeeded && o.Value == "":
			return appTest{}, atOffset(0, "needs a value")
		case k.Value == field.ValueNone && o.HasValue:
			return appTest{}, atOffset(0, "takes no value")
		}
		test, err := k.Parse(o.Value)
		if err != nil {
			return appTest{}, err
		}
		return appTest{dirs: dirSet(k.Dirs), need: k.Need, late: k.Late, test: test}, nil
	})
}

// optFrame reads frame:[protocol.]name: a record of the protocol as sent becomes the buffer.
func optFrame(b *builder, o rule.Option) error {
	name := strings.TrimSpace(o.Value)
	bf := fields.frames[name]
	if bf == nil && strings.HasPrefix(name, "http1.") {
		bf = fields.frames["http."+name[len("http1."):]]
	}
	if bf == nil {
		b.txApps.each(func(app flow.App) {
			if bf == nil {
				bf = fields.frames[app.String()+"."+name]
			}
		})
	}
	if bf == nil {
		return atOffset(0, "frame %q is not known", name)
	}
	b.setBuffer(bf)
	return nil
}

// optURILen reads urilen:condition[,norm|raw]: the length of http.uri or http.uri.raw.
func optURILen(b *builder, o rule.Option) error {
	text, which, _ := strings.Cut(o.Value, ",")
	cond, err := number.Parse(text, 65535)
	if err != nil {
		return err
	}
	name := "http.uri"
	switch strings.TrimSpace(which) {
	case "", "norm":
	case "raw":
		name = "http.uri.raw"
	default:
		return atOffset(len(text)+1, "%q is not norm or raw", which)
	}
	l := b.listOf(findBuffer(name))
	l.steps = append(l.steps, &inspect.Check{Test: func(data []byte) bool { return cond.Match(uint64(len(data))) }})
	return nil
}
