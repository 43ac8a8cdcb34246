package signature

import (
	"strings"
	"time"

	"fengsui/analyze/signature/rule"
	"fengsui/analyze/signature/track"
)

func stateKeywords() map[string]keyword {
	return map[string]keyword{
		"flowbits": {value: valueNeeded, parse: optFlowbits, addressOK: true},
		"xbits":    {value: valueNeeded, parse: optXbits, addressOK: true},
		"hostbits": {value: valueNeeded, parse: optHostbits, addressOK: true},
		"flowint":  {value: valueNeeded, parse: optFlowint},
		"iprep":    {value: valueNeeded, parse: optIPRep, addressOK: true},
	}
}

// bitCommand is what a rule does with a bit.
type bitCommand uint8

const (
	bitSet bitCommand = iota
	bitUnset
	bitToggle
	bitIsSet
	bitIsNotSet
)

func parseBitCommand(word string) (bitCommand, error) {
	switch strings.ToLower(word) {
	case "set":
		return bitSet, nil
	case "unset":
		return bitUnset, nil
	case "toggle":
		return bitToggle, nil
	case "isset":
		return bitIsSet, nil
	case "isnotset":
		return bitIsNotSet, nil
	}
	return 0, atOffset(0, "%q is not set, unset, toggle, isset or isnotset", word)
}

func isFlowbitsSet(value string) bool {
	command, _, _ := strings.Cut(value, ",")
	return strings.TrimSpace(command) == "set"
}

// bitUse says how a rule uses bits, for the order rules are judged in.
type bitUse uint8

const (
	bitNone    bitUse = 0
	bitReads   bitUse = 1
	bitChanges bitUse = 2
)

func (b *builder) noteBits(use *bitUse, c bitCommand) {
	if c == bitIsSet || c == bitIsNotSet {
		*use |= bitReads
	} else {
		*use |= bitChanges
	}
}

func optFlowbits(b *builder, o rule.Option) error {
	word, name, hasName := strings.Cut(o.Value, ",")
	word = strings.TrimSpace(word)
	if word == "noalert" && !hasName {
		b.out.NoAlert = true
		return nil
	}
	command, err := parseBitCommand(word)
	if err != nil {
		return err
	}
	if name = strings.TrimSpace(name); name == "" {
		return atOffset(0, "flowbits:%s needs a name", word)
	}
	b.noteBits(&b.c.order(b.out).flowbits, command)
	var nums []uint32
	for _, n := range strings.Split(name, "|") {
		n = strings.TrimSpace(n)
		if n == "" || len(nums) > 0 && command != bitIsSet && command != bitIsNotSet {
			return atOffset(len(word)+1, "only isset and isnotset take several names")
		}
		nums = append(nums, b.c.names.number("flowbits", n))
	}
	switch command {
	case bitIsSet:
		b.out.checks = append(b.out.checks, func(w *Worker) bool { return w.anyFlowbit(nums) })
	case bitIsNotSet:
		b.out.checks = append(b.out.checks, func(w *Worker) bool { return w.f != nil && !w.anyFlowbit(nums) })
	default:
		b.out.effects = append(b.out.effects, func(w *Worker) { w.changeFlowbit(nums[0], command) })
	}
	return nil
}

// defaultExpire is how long an xbit lives without expire.
const defaultExpire = 30 * time.Second

// optXbits reads xbits:command,name,track ip_src|ip_dst|ip_pair[,expire seconds].
func optXbits(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) == 1 && parts[0] == "noalert" {
		b.out.NoAlert = true
		return nil
	}
	command, err := parseBitCommand(parts[0])
	if err != nil {
		return err
	}
	if len(parts) < 3 {
		return atOffset(0, "want xbits:command,name,track ip_src|ip_dst|ip_pair[,expire seconds]")
	}
	num := b.c.names.number("xbits", parts[1])
	by, ok := strings.CutPrefix(parts[2], "track ")
	if !ok {
		return atOffset(0, "%q is not track ip_src, ip_dst or ip_pair", parts[2])
	}
	expire := defaultExpire
	for _, word := range parts[3:] {
		text, ok := strings.CutPrefix(word, "expire ")
		if !ok {
			return atOffset(0, "%q is not expire seconds", word)
		}
		n, err := parseUint(strings.TrimSpace(text), 1<<31)
		if err != nil || n == 0 {
			return atOffset(0, "%q is no number of seconds", text)
		}
		expire = time.Duration(n) * time.Second
	}
	var key func(w *Worker) track.BitKey
	switch strings.TrimSpace(by) {
	case "ip_src":
		key = func(w *Worker) track.BitKey { return track.BitKey{Name: num, A: w.p.Src} }
	case "ip_dst":
		key = func(w *Worker) track.BitKey { return track.BitKey{Name: num, A: w.p.Dst} }
	case "ip_pair":
		key = func(w *Worker) track.BitKey { return track.PairKey(num, w.p.Src, w.p.Dst) }
	default:
		return atOffset(0, "%q is not ip_src, ip_dst or ip_pair", by)
	}
	b.addBit(command, key, expire)
	b.noteBits(&b.c.order(b.out).xbits, command)
	return nil
}

// hostbitExpire is how long a hostbit lives without expire.
const hostbitExpire = 300 * time.Second

// optHostbits reads hostbits:command,name[,src|dst|both[,expire]].
func optHostbits(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) == 1 && parts[0] == "noalert" {
		b.out.NoAlert = true
		return nil
	}
	command, err := parseBitCommand(parts[0])
	if err != nil {
		return err
	}
	if len(parts) < 2 || len(parts) > 4 || parts[1] == "" {
		return atOffset(0, "want hostbits:command,name[,src|dst|both[,seconds]]")
	}
	side := "src"
	if len(parts) > 2 {
		side = parts[2]
	}
	expire := hostbitExpire
	if len(parts) > 3 {
		n, err := parseUint(strings.TrimSpace(strings.TrimPrefix(parts[3], "expire")), 1<<31)
		if err != nil || n == 0 {
			return atOffset(0, "%q is no number of seconds", parts[3])
		}
		expire = time.Duration(n) * time.Second
	}
	num := b.c.names.number("hostbits", parts[1])
	src := func(w *Worker) track.BitKey { return track.BitKey{Name: num, A: w.p.Src} }
	dst := func(w *Worker) track.BitKey { return track.BitKey{Name: num, A: w.p.Dst} }
	switch side {
	case "src":
		b.addBit(command, src, expire)
	case "dst":
		b.addBit(command, dst, expire)
	case "both":
		b.addBit(command, src, expire)
		b.addBit(command, dst, expire)
	default:
		return atOffset(0, "%q is not src, dst or both", side)
	}
	b.noteBits(&b.c.order(b.out).hostbits, command)
	return nil
}

// hostBits are the bits of hosts, in the worker's turn.
func (w *Worker) hostBits() *track.Bits {
	w.inOrder()
	return &w.shared.bits
}

func (b *builder) addBit(command bitCommand, key func(w *Worker) track.BitKey, expire time.Duration) {
	switch command {
	case bitIsSet:
		b.out.checks = append(b.out.checks, func(w *Worker) bool { return w.hostBits().Has(key(w), w.p.Time) })
	case bitIsNotSet:
		b.out.checks = append(b.out.checks, func(w *Worker) bool { return !w.hostBits().Has(key(w), w.p.Time) })
	case bitSet:
		b.out.effects = append(b.out.effects, func(w *Worker) { w.hostBits().Set(key(w), w.p.Time, expire) })
	case bitUnset:
		b.out.effects = append(b.out.effects, func(w *Worker) { w.hostBits().Unset(key(w)) })
	case bitToggle:
		b.out.effects = append(b.out.effects, func(w *Worker) {
			if k := key(w); w.hostBits().Has(k, w.p.Time) {
				w.hostBits().Unset(k)
			} else {
				w.hostBits().Set(k, w.p.Time, expire)
			}
		})
	}
}

// optFlowint reads flowint:name,operation[,value]: +, -, =, >, <, >=, <=, ==, !=, isset, isnotset; the value may be another flowint.
func optFlowint(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) < 2 || parts[0] == "" {
		return atOffset(0, "want flowint:name,operation[,value]")
	}
	num := b.c.names.number("flowint", parts[0])
	op := parts[1]
	use := &b.c.order(b.out).flowint
	if op == "isset" || op == "isnotset" || op == "notset" {
		*use |= bitReads
		b.out.checks = append(b.out.checks, func(w *Worker) bool {
			_, ok := w.flowint(num)
			return w.f != nil && ok == (op == "isset")
		})
		return nil
	}
	if len(parts) != 3 {
		return atOffset(0, "operation %s needs a value", op)
	}
	value := func(*Worker) (uint32, bool) { return 0, false }
	if n, err := parseUint(parts[2], 1<<32-1); err == nil {
		value = func(*Worker) (uint32, bool) { return uint32(n), true }
	} else {
		other := b.c.names.number("flowint", parts[2])
		value = func(w *Worker) (uint32, bool) { return w.flowint(other) }
	}
	switch op {
	case "+", "-", "=":
		*use |= bitChanges
		b.out.effects = append(b.out.effects, func(w *Worker) {
			v, ok := value(w)
			have, _ := w.flowint(num)
			switch {
			case !ok || w.f == nil:
			case op == "+":
				w.setFlowint(num, have+v)
			case op == "-":
				w.setFlowint(num, have-v)
			default:
				w.setFlowint(num, v)
			}
		})
		return nil
	}
	compare, ok := flowintCompare[op]
	if !ok {
		return atOffset(0, "operation %q is not known", op)
	}
	*use |= bitReads
	b.out.checks = append(b.out.checks, func(w *Worker) bool {
		v, ok := value(w)
		have, set := w.flowint(num)
		return ok && set && compare(have, v)
	})
	return nil
}

// flowintCompare are the comparing operations of flowint. Never written.
var flowintCompare = map[string]func(a, b uint32) bool{
	"==": func(a, b uint32) bool { return a == b }, "!=": func(a, b uint32) bool { return a != b },
	"<": func(a, b uint32) bool { return a < b }, ">": func(a, b uint32) bool { return a > b },
	"<=": func(a, b uint32) bool { return a <= b }, ">=": func(a, b uint32) bool { return a >= b },
}

// optIPRep reads iprep:any|src|dst|both,category,operator,score and iprep:side,category,isset|isnotset.
func optIPRep(b *builder, o rule.Option) error {
	rep := b.c.opt.Reputation
	if rep == nil {
		return atOffset(0, "no reputation lists are loaded (give --reputation-categories and --reputation)")
	}
	parts := split(o.Value)
	if len(parts) < 3 || len(parts) > 4 {
		return atOffset(0, "want iprep:any|src|dst|both,category,operator,score")
	}
	side, category, op := parts[0], parts[1], parts[2]
	if !rep.Known(category) {
		return atOffset(len(parts[0])+1, "category %q is in no category file", category)
	}
	var want uint64
	var err error
	switch op {
	case "<", ">", "=", ">=", "<=":
		if len(parts) != 4 {
			return atOffset(0, "operator %s needs a score", op)
		}
		if want, err = parseUint(parts[3], 127); err != nil {
			return err
		}
	case "isset", "isnotset":
	default:
		return atOffset(0, "operator %q is not known", op)
	}
	test := func(score uint8) bool {
		n := uint64(score)
		switch op {
		case "isnotset":
			return n == 0
		case "isset":
			return n > 0
		case "<":
			return n > 0 && n < want
		case ">":
			return n > want
		case "<=":
			return n > 0 && n <= want
		case ">=":
			return n > 0 && n >= want
		}
		return n > 0 && n == want
	}
	var match check
	switch side {
	case "src":
		match = func(w *Worker) bool { return test(rep.Score(category, w.p.Src)) }
	case "dst":
		match = func(w *Worker) bool { return test(rep.Score(category, w.p.Dst)) }
	case "both":
		match = func(w *Worker) bool { return test(rep.Score(category, w.p.Src)) && test(rep.Score(category, w.p.Dst)) }
	case "any":
		match = func(w *Worker) bool { return test(rep.Score(category, w.p.Src)) || test(rep.Score(category, w.p.Dst)) }
	default:
		return atOffset(0, "%q is not any, src, dst or both", side)
	}
	b.out.checks = append(b.out.checks, func(w *Worker) bool { return w.p.IPVersion != 0 && match(w) })
	return nil
}
