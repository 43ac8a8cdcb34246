package signature

import (
	"strings"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/rule"
)

// watched is a rule of the set with its description. A <> rule is there twice, the second time with its ends exchanged.
type watched struct {
	in *sig
	*described
}

// described is the text of the option that each part of a rule came from.
type described struct {
	src    *rule.Rule
	checks []string // by index of sig.checks
	txs    []string // by index of sig.txs
	steps  map[inspect.Step]string
	limits string // threshold, detection_filter and suppressions, as written
}

// describer gathers the descriptions of one rule while a set is compiled; an older revision of it may come by as well.
type describer struct {
	sid   string
	found map[*sig]*described
}

// watch is told of each option of each rule.
func (x *describer) watch(b *builder, o rule.Option) {
	d := x.found[b.out]
	if d == nil {
		if v, ok := b.src.First("sid"); !ok || strings.TrimSpace(v) != x.sid {
			return
		}
		d = &described{src: b.src, steps: map[inspect.Step]string{}}
		x.found[b.out] = d
	}
	d.watch(b, o)
}

// modifiers belong to the content before them. Never written.
var modifiers = map[string]bool{
	"nocase": true, "depth": true, "offset": true, "distance": true, "within": true, "startswith": true, "endswith": true, "rawbytes": true,
}

// watch notes what an option has added.
func (d *described) watch(b *builder, o rule.Option) {
	text := optionText(o)
	for len(d.checks) < len(b.out.checks) {
		d.checks = append(d.checks, text)
	}
	for len(d.txs) < len(b.out.txs) {
		d.txs = append(d.txs, text)
	}
	if modifiers[o.Name] && b.lastTo != nil {
		if before, ok := d.steps[b.lastTo]; ok {
			d.steps[b.lastTo] = before + "; " + text
		}
	}
	for _, l := range b.lists {
		d.add(l.steps, text)
	}
	d.add(b.decoded, text)
	switch o.Name {
	case "threshold", "detection_filter":
		d.limits = strings.TrimPrefix(d.limits+"; "+text, "; ")
	}
}

func (d *described) add(steps []inspect.Step, text string) {
	for _, s := range steps {
		if _, ok := d.steps[s]; !ok {
			d.steps[s] = text
		}
	}
}

func optionText(o rule.Option) string {
	if !o.HasValue {
		return o.Name
	}
	return o.Name + ":" + o.Value
}

// stepText is the keyword of a step as written.
func (d *described) stepText(s inspect.Step) string {
	if text, ok := d.steps[s]; ok {
		return text
	}
	return "keyword"
}
