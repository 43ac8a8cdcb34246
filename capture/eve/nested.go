package eve

import (
	"strconv"
	"strings"
	"time"

	"fengsui/capture/event"
	"fengsui/capture/proto"
)

// nest turns the flat fields of an event into nested objects. It is working memory.
type nest struct {
	entries []entry
}

// entry is one field and the path it is written under.
type entry struct {
	path  string
	value *event.Value
	done  bool
}

// nested appends a transaction through its event: the object named like the protocol, with the fields below "fengsui.<protocol>."
// in it, and the fields of ECS that it has.
func (l *Logger) nested(b []byte, tx proto.Transaction) []byte {
	kind := typeName(tx)
	l.ev.Reset(event.Kind(tx.Protocol()), tx.Base().Begun)
	tx.Event(&l.ev)
	l.nest.entries = l.nest.entries[:0]
	table := names[kind]
	for i := range l.ev.Fields {
		f := &l.ev.Fields[i]
		path, ok := table[f.Name]
		if !ok {
			path = defaultPath(f.Name, tx.Protocol(), kind)
		}
		if path != "" {
			l.nest.entries = append(l.nest.entries, entry{path: path, value: &f.Value})
		}
	}
	outer := l.nest.entries
	// Members that stand beside the protocol's object ("email" of smtp) have a path that begins with a slash.
	b = object(b, kind)
	for i := range outer {
		outer[i].done = strings.HasPrefix(outer[i].path, "/")
	}
	b = append(members(b, outer, 0), '}')
	any := false
	for i := range outer {
		e := &outer[i]
		e.done = !strings.HasPrefix(e.path, "/")
		any = any || !e.done
	}
	if any {
		b = members(b, outer, 1)
	}
	return b
}

// defaultPath is where a field goes that no table names: below the protocol's prefix the rest of its name, other fields under the name they
// have in ECS. "" leaves it out.
func defaultPath(name, protocol, kind string) string {
	const ours = "fengsui."
	if rest, ok := strings.CutPrefix(name, ours); ok {
		if len(rest) > len(protocol) && rest[len(protocol)] == '.' && rest[:len(protocol)] == protocol {
			return rest[len(protocol)+1:]
		}
		if len(rest) > len(kind) && rest[len(kind)] == '.' && rest[:len(kind)] == kind {
			return rest[len(kind)+1:]
		}
		if strings.HasPrefix(rest, "tx.") {
			return ""
		}
		return rest
	}
	if strings.HasPrefix(name, "event.") || strings.HasPrefix(name, "network.") {
		return ""
	}
	if len(name) > len(kind) && name[len(kind)] == '.' && name[:len(kind)] == kind {
		return name[len(kind)+1:]
	}
	return name
}

// members appends the entries that are not done, each at its path from position at on; entries that share the first part of it become one
// object.
func members(b []byte, list []entry, at int) []byte {
	for i := range list {
		if e := &list[i]; !e.done {
			b = member(b, list[i:], e, at)
		}
	}
	return b
}

// member appends the entry e and those of the list that share the part of its path at position at.
func member(b []byte, list []entry, e *entry, at int) []byte {
	head, _, deeper := strings.Cut(e.path[at:], ".")
	if !deeper {
		e.done = true
		if key, first := strings.CutSuffix(head, "!"); first {
			if e.value.Type != event.TypeStrings || len(e.value.List) > 0 {
				b = appendFirst(appendKey(b, key), e.value)
			}
			return b
		}
		return appendValue(appendKey(b, head), e.value)
	}
	prefix := e.path[:at+len(head)+1]
	if key, rows := strings.CutSuffix(head, "[]"); rows {
		return table(appendKey(b, key), list, prefix)
	}
	b = object(b, head)
	for i := range list {
		if x := &list[i]; !x.done && strings.HasPrefix(x.path, prefix) {
			b = member(b, list[i:], x, len(prefix))
		}
	}
	return append(b, '}')
}

// table appends lists of equal length as a list of objects.
func table(b []byte, list []entry, prefix string) []byte {
	b = append(b, '[')
	for row := 0; ; row++ {
		at := len(b)
		if row > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		more := false
		for i := range list {
			x := &list[i]
			if !strings.HasPrefix(x.path, prefix) {
				continue
			}
			x.done = true
			key := x.path[len(prefix):]
			switch {
			case row < len(x.value.List):
				b, more = appendText(appendKey(b, key), x.value.List[row]), true
			case row < len(x.value.Ints):
				b, more = strconv.AppendInt(appendKey(b, key), x.value.Ints[row], 10), true
			}
		}
		if !more {
			return append(b[:at], ']')
		}
		b = append(b, '}')
	}
}

// appendFirst appends the first of a list.
func appendFirst(b []byte, v *event.Value) []byte {
	if v.Type == event.TypeStrings {
		return appendText(b, v.List[0])
	}
	return appendValue(b, v)
}

func appendValue(b []byte, v *event.Value) []byte {
	switch v.Type {
	case event.TypeInt:
		return strconv.AppendInt(b, int64(v.Num), 10)
	case event.TypeUint:
		return strconv.AppendUint(b, v.Num, 10)
	case event.TypeBool:
		return strconv.AppendBool(b, v.Num != 0)
	case event.TypeTime:
		return append(zulu(append(b, '"'), time.Unix(0, int64(v.Num))), '"')
	case event.TypeStrings:
		b = append(b, '[')
		for i, s := range v.List {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, s)
		}
		return append(b, ']')
	case event.TypeInts:
		b = append(b, '[')
		for i, n := range v.Ints {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, n, 10)
		}
		return append(b, ']')
	}
	return appendText(b, v.Str)
}
