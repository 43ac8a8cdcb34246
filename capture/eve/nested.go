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
		e := &list[i]
		if e.done {
			continue
		}
		head, _, deeper := strings.Cut(e.path[at:], ".")
		if !deeper {
			e.done = true
			b = appendValue(appendKey(b, head), e.value)
			continue
		}
		b = object(b, head)
		b = append(shared(b, list[i:], e.path[:at+len(head)+1]), '}')
	}
	return b
}

// shared appends the members of the object that prefix names, and marks them done.
func shared(b []byte, list []entry, prefix string) []byte {
	for i := range list {
		e := &list[i]
		if e.done || len(e.path) <= len(prefix) || e.path[:len(prefix)] != prefix {
			continue
		}
		head, _, deeper := strings.Cut(e.path[len(prefix):], ".")
		if !deeper {
			e.done = true
			b = appendValue(appendKey(b, head), e.value)
			continue
		}
		b = object(b, head)
		b = append(shared(b, list[i:], e.path[:len(prefix)+len(head)+1]), '}')
	}
	return b
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
