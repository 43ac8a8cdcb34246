package signature

import (
	"strconv"
	"strings"

	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/rule"
)

func metaKeywords() map[string]keyword {
	return map[string]keyword{
		"msg":       {value: valueNeeded, parse: optMsg, addressOK: true},
		"sid":       {value: valueNeeded, parse: optNumber(func(s *sig) *uint32 { return &s.SID }), addressOK: true},
		"gid":       {value: valueNeeded, parse: optNumber(func(s *sig) *uint32 { return &s.GID }), addressOK: true},
		"rev":       {value: valueNeeded, parse: optNumber(func(s *sig) *uint32 { return &s.Rev }), addressOK: true},
		"classtype": {value: valueNeeded, parse: optClass, addressOK: true},
		"priority":  {value: valueNeeded, parse: optPriority, addressOK: true},
		"reference": {value: valueNeeded, parse: optReference, addressOK: true},
		"metadata":  {value: valueNeeded, parse: optMetadata, addressOK: true},
		"target":    {value: valueNeeded, parse: optTarget, addressOK: true},
		"noalert":   {value: valueNone, parse: optNoAlert, addressOK: true},
		"alert":     {value: valueNone, parse: optAlert, addressOK: true},
		"requires":  {value: valueNeeded, parse: optRequires, addressOK: true},
		"prefilter": {value: valueNone, parse: ignore, addressOK: true}, // a hint on speed: ours are chosen without it
		"config":    {value: valueNeeded, parse: optConfig},
		"bypass":    {value: valueNone, parse: optBypass},
		"tag":       {value: valueNeeded, parse: optTag, addressOK: true},
	}
}

// ignore accepts a keyword that asks for nothing this engine does differently.
func ignore(*builder, rule.Option) error { return nil }

func optMsg(b *builder, o rule.Option) error {
	b.out.Msg = rule.Text(o.Value)
	return nil
}

func optNumber(field func(*sig) *uint32) func(*builder, rule.Option) error {
	return func(b *builder, o rule.Option) error {
		n, err := parseUint(rule.Unquote(o.Value), 1<<32-1)
		if err != nil {
			return err
		}
		*field(b.out) = uint32(n)
		return nil
	}
}

func optClass(b *builder, o rule.Option) error {
	name := strings.ToLower(o.Value)
	class, ok := b.c.opt.Classes[name]
	if !ok {
		class, ok = classes[name]
	}
	// Suricata loads a rule with an unknown classtype and gives it priority 3; so do we.
	if !ok {
		class = Class{Text: o.Value, Priority: 3}
	}
	b.out.Class, b.out.Category = name, class.Text
	if _, given := b.src.First("priority"); !given {
		b.out.Priority = class.Priority
	}
	return nil
}

func optPriority(b *builder, o rule.Option) error {
	n, err := parseUint(rule.Unquote(o.Value), 255)
	if err != nil || n == 0 {
		return atOffset(0, "priority is not between 1 and 255")
	}
	b.out.Priority = int(n)
	return nil
}

func optReference(b *builder, o rule.Option) error {
	b.out.References = append(b.out.References, rule.Text(o.Value))
	return nil
}

func optMetadata(b *builder, o rule.Option) error {
	for _, item := range strings.Split(rule.Unquote(o.Value), ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(item), " ")
		if !ok || key == "" {
			continue
		}
		if b.out.Metadata == nil {
			b.out.Metadata = map[string][]string{}
		}
		value = b.c.intern(strings.TrimSpace(value))
		key = b.c.intern(key)
		b.out.Metadata[key] = append(b.out.Metadata[key], value)
	}
	return nil
}

func optTarget(b *builder, o rule.Option) error {
	if o.Value != "src_ip" && o.Value != "dest_ip" {
		return atOffset(0, "target is src_ip or dest_ip")
	}
	b.out.Target = o.Value
	return nil
}

func optNoAlert(b *builder, _ rule.Option) error {
	b.out.NoAlert = true
	return nil
}

// optAlert makes a pass rule say that it passed.
func optAlert(b *builder, _ rule.Option) error {
	if b.out.NoAlert {
		return atOffset(0, "alert and noalert exclude each other")
	}
	b.out.acceptsPass = true
	return nil
}

// optConfig reads config:logging disable,type tx,scope tx: the transaction becomes no event. Other settings are not changed by rules.
func optConfig(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) != 3 || strings.Join(strings.Fields(parts[0]), " ") != "logging disable" || strings.Join(strings.Fields(parts[1]), " ") != "type tx" {
		return atOffset(0, "only logging disable, type tx is changed by rules")
	}
	switch strings.Join(strings.Fields(parts[2]), " ") {
	case "scope tx":
		b.out.marks = append(b.out.marks, func(v *field.View) { v.Tx.Base().TakeLog() })
	default:
		return atOffset(0, "scope is not tx")
	}
	return nil
}

// engineMajor is the Suricata release whose rules we read.
const engineMajor, engineMinor = 8, 0

// optRequires refuses a rule that asks for another version or for a feature or keyword that is not here.
func optRequires(b *builder, o rule.Option) error {
	for _, clause := range strings.Split(o.Value, ",") {
		words := strings.Fields(clause)
		if len(words) < 2 {
			return atOffset(0, "%q is no requirement", strings.TrimSpace(clause))
		}
		switch words[0] {
		case "feature":
			switch words[1] {
			case "ja3", "ja4", "output::file-store":
			default:
				return atOffset(0, "feature %s is not here", words[1])
			}
		case "keyword":
			if b.c.keywords[words[1]].parse == nil && !fields.known(words[1]) {
				return atOffset(0, "keyword %s is not here", words[1])
			}
		case "version":
			if !versionOK(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(clause), "version"))) {
				return atOffset(0, "needs an engine of %s; this one reads rules of version %d.%d", strings.TrimSpace(clause), engineMajor, engineMinor)
			}
		default:
			return atOffset(0, "%s is no requirement that can be checked", words[0])
		}
	}
	return nil
}

// versionOK judges ">= 8", ">= 7.0.3 < 8" and "< 8 | >= 9".
func versionOK(text string) bool {
	for _, alternative := range strings.Split(text, "|") {
		ok := true
		fields := strings.Fields(strings.NewReplacer(">=", " >= ", "<=", " <= ").Replace(alternative))
		if len(fields) == 1 {
			fields = strings.Fields(strings.NewReplacer("<", " < ", ">", " > ").Replace(alternative))
		}
		for i := 0; i+1 < len(fields); i += 2 {
			order := compareVersion(fields[i+1])
			switch fields[i] {
			case ">=":
				ok = ok && order >= 0
			case ">":
				ok = ok && order > 0
			case "<":
				ok = ok && order < 0
			case "<=":
				ok = ok && order <= 0
			default:
				ok = false
			}
		}
		if ok && len(fields) > 0 {
			return true
		}
	}
	return false
}

// compareVersion says whether our version is above (1), at (0) or below (-1) text.
func compareVersion(text string) int {
	ours := []int{engineMajor, engineMinor, 8}
	for i, word := range strings.Split(text, ".") {
		n, err := strconv.Atoi(word)
		if err != nil || i >= len(ours) {
			return -1
		}
		if ours[i] != n {
			if ours[i] > n {
				return 1
			}
			return -1
		}
	}
	return 0
}
