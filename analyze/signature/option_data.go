package signature

import (
	"fmt"
	"path/filepath"
	"strings"

	"fengsui/analyze/signature/dataset"
	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/rule"
)

func dataKeywords() map[string]keyword {
	return map[string]keyword{
		"dataset": {value: valueNeeded, parse: optDataset},
		"datarep": {value: valueNeeded, parse: optDatarep},
		"entropy": {value: valueNeeded, parse: optEntropy},
	}
}

// dataWish is what a rule says about its data set.
type dataWish struct {
	name, kind              string
	load, save, state       string
	format, value, arrayKey string
	memory                  int
	scored                  bool
}

// dataOptions reads "type string", "load file" and the rest.
func dataOptions(words []string) (d dataWish, err error) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, " ")
		value = strings.TrimSpace(value)
		switch name {
		case "type":
			if _, ok := dataset.ParseKind(value); !ok {
				return d, atOffset(0, "type %q is not string, md5, sha256, ipv4 or ip", value)
			}
			d.kind = value
		case "load":
			d.load = value
		case "save":
			d.save = value
		case "state":
			d.state = value
		case "format":
			switch value {
			case "csv", "json", "jsonline", "ndjson":
				d.format = value
			default:
				return d, atOffset(0, "format %q is not csv, json or jsonline", value)
			}
		case "value_key":
			d.value = value
		case "array_key":
			d.arrayKey = value
		case "memcap":
			cond, err := number.Parse(value, 1<<40)
			if err != nil {
				return d, atOffset(0, "memcap %q is no number of bytes", value)
			}
			d.memory = int(cond.Number())
		case "hashsize", "enrichment_key", "context_key", "remove_key":
			// The size of tables is not chosen by rules; what is only for logs asks nothing of detection.
		default:
			return d, atOffset(0, "%q is not known", name)
		}
	}
	switch {
	case d.state != "" && (d.load != "" || d.save != ""):
		return d, atOffset(0, "state excludes load and save")
	case (d.format == "json" || d.format == "jsonline" || d.format == "ndjson") && d.value == "":
		return d, atOffset(0, "format %s needs value_key", d.format)
	}
	for _, name := range []string{d.save, d.state} {
		if name != "" && !filepath.IsLocal(name) {
			return d, atOffset(0, "%q is outside the folder of states", name)
		}
	}
	return d, nil
}

// openDataset finds or loads the data set of a name. A set that may be written to lives on when rules are loaded anew; one that only loads a file is
// read again.
func (b *builder) openDataset(d dataWish) (*dataset.Set, error) {
	if d.name == "" {
		return nil, atOffset(0, "data set has no name")
	}
	have := b.c.datasets[d.name]
	static := d.load != "" && d.save == ""
	if have == nil && !static {
		have = b.c.names.dataset(d.name)
	}
	if have != nil {
		if d.kind != "" && d.kind != have.Kind.String() {
			return nil, atOffset(0, "data set %s has the type %s elsewhere", d.name, have.Kind)
		}
		b.c.datasets[d.name] = have
		return have, nil
	}
	if d.kind == "" {
		return nil, atOffset(0, "data set %s has no type", d.name)
	}
	kind, _ := dataset.ParseKind(d.kind)
	set := dataset.New(d.name, kind, d.memory)
	set.Save = d.save + d.state
	if d.load != "" {
		if b.c.opt.ReadFile == nil {
			return nil, atOffset(0, "files named in rules cannot be read here")
		}
		text, err := b.c.opt.ReadFile(b.out.File, d.load)
		if err == nil {
			err = fill(set, string(text), d)
		}
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", d.load, err)
		}
	}
	if d.state != "" && b.c.opt.ReadState != nil {
		text, err := b.c.opt.ReadState(d.state)
		if err == nil {
			err = fill(set, string(text), d)
		}
		if err != nil {
			return nil, fmt.Errorf("state %s: %w", d.state, err)
		}
	}
	b.c.datasets[d.name] = set
	if !static {
		b.c.names.keepDataset(set)
	}
	return set, nil
}

func fill(set *dataset.Set, text string, d dataWish) error {
	switch d.format {
	case "json":
		return set.LoadJSON(text, d.value, d.arrayKey, false)
	case "jsonline", "ndjson":
		return set.LoadJSON(text, d.value, "", true)
	}
	return set.Load(text, d.scored)
}

func optDataset(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) < 2 {
		return atOffset(0, "want dataset:command,name[,type …][,load …]")
	}
	if b.cur.buffer == nil {
		return atOffset(0, "dataset needs a sticky buffer before it")
	}
	wish, err := dataOptions(parts[2:])
	if err != nil {
		return err
	}
	command := parts[0]
	wish.name = parts[1]
	switch command {
	case "isset", "isnotset", "set", "unset":
	default:
		return atOffset(0, "%q is not isset, isnotset, set or unset", command)
	}
	d, err := b.openDataset(wish)
	if err != nil {
		return err
	}
	b.addStep(&inspect.Check{Test: func(data []byte) bool {
		switch command {
		case "set":
			return d.Add(data)
		case "unset":
			return d.Remove(data)
		}
		_, ok := d.Has(data)
		return d.Takes(data) && ok == (command == "isset")
	}}, false)
	return nil
}

// optDatarep reads datarep:name,operator,score[,type …][,load …].
func optDatarep(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) < 3 {
		return atOffset(0, "want datarep:name,operator,score[,load file][,type …]")
	}
	if b.cur.buffer == nil {
		return atOffset(0, "datarep needs a sticky buffer before it")
	}
	cond, err := number.Parse(parts[1]+parts[2], 65535)
	if err != nil {
		return err
	}
	wish, err := dataOptions(parts[3:])
	if err != nil {
		return err
	}
	wish.name, wish.scored = parts[0], true
	d, err := b.openDataset(wish)
	if err != nil {
		return err
	}
	b.addStep(&inspect.Check{Test: func(data []byte) bool {
		rep, ok := d.Has(data)
		return ok && cond.Match(uint64(rep))
	}}, false)
	return nil
}
