package field

import (
	"fmt"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	httpproto "fengsui/capture/proto/http"
	http2proto "fengsui/capture/proto/http2"
)

// http2Frames gives what the frames of the side looked at told.
func http2Frames(v *View) *http2proto.Frames { return &v.Tx.(*http2proto.Transaction).Frames[v.Dir] }

// http2Number makes a condition on the values of one kind of frame.
func http2Number(name string, most uint64, words map[string]uint64, get func(f *http2proto.Frames, i int) (uint64, bool)) Number {
	return Number{
		Names: []string{name}, Dirs: Both, Max: most, Words: words,
		Get: func(v *View, i int) (uint64, bool) { return get(http2Frames(v), i) },
	}
}

// numberAt returns one of a list.
func numberAt[T uint8 | uint32 | uint64](list []T, i int) (uint64, bool) {
	if i >= len(list) {
		return 0, false
	}
	return uint64(list[i]), true
}

// http2 is the table of HTTP/2: that of HTTP, whose buffers a stream fills as well, and its own frames.
func http2() Protocol {
	p := http()
	p.App, p.Events, p.EventPrefix, p.Frames = flow.AppHTTP2, http2proto.Anomalies, "", nil
	p.Buffers = append(p.Buffers, Buffer{
		Names: []string{"http2.header_name"}, Dirs: Both, Need: After(httpproto.InBody), Multi: true,
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			m := httpOf(v).Side(v.Dir)
			if i < len(m.Headers) {
				return m.Headers[i].Name, true
			}
			if i -= len(m.Headers); i < len(m.Trailers) {
				return m.Trailers[i].Name, true
			}
			return nil, false
		},
	})
	p.Numbers = append(p.Numbers,
		http2Number("http2.frametype", 255, http2proto.FrameTypes, func(f *http2proto.Frames, i int) (uint64, bool) { return numberAt(f.Types, i) }),
		http2Number("http2.errorcode", 1<<32-1, http2proto.ErrorCodes, func(f *http2proto.Frames, i int) (uint64, bool) { return numberAt(f.ErrorCodes, i) }),
		http2Number("http2.priority", 255, nil, func(f *http2proto.Frames, i int) (uint64, bool) { return numberAt(f.Priorities, i) }),
		http2Number("http2.window", 1<<32-1, nil, func(f *http2proto.Frames, i int) (uint64, bool) { return numberAt(f.Windows, i) }),
		http2Number("http2.size_update", 1<<63, nil, func(f *http2proto.Frames, i int) (uint64, bool) { return numberAt(f.SizeUpdates, i) }),
	)
	p.Tests = append(p.Tests, Test{Names: []string{"http2.settings"}, Dirs: Both, Value: ValueNeeded, Late: true, Parse: parseHTTP2Settings})
	return p
}

// parseHTTP2Settings reads NAME followed by a condition: =n, >n, <n, >=n, <=n, !=n, or a-b behind "=" .
func parseHTTP2Settings(value string) (func(v *View) bool, error) {
	text := strings.ReplaceAll(strings.Trim(value, `" `), " ", "")
	at := strings.IndexAny(text, "=<>!")
	if at <= 0 {
		return nil, fmt.Errorf("%q is not a setting with a condition like SETTINGS_ENABLE_PUSH=0", text)
	}
	name, condition := strings.ToUpper(text[:at]), text[at:]
	id, ok := http2proto.SettingNames[name]
	if !ok {
		n, err := strconv.ParseUint(name, 0, 16)
		if err != nil {
			return nil, fmt.Errorf("setting %q is not known", name)
		}
		id = uint16(n)
	}
	test, err := simpleCondition(condition)
	if err != nil {
		return nil, err
	}
	return func(v *View) bool {
		for _, s := range http2Frames(v).Settings {
			if s.ID == id && test(uint64(s.Value)) {
				return true
			}
		}
		return false
	}, nil
}

// simpleCondition reads a comparison with one number, or a range.
func simpleCondition(text string) (func(n uint64) bool, error) {
	operator := strings.TrimRight(text, "0123456789-")
	number := text[len(operator):]
	low, high, ranged := strings.Cut(number, "-")
	from, err := strconv.ParseUint(low, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", low)
	}
	if ranged {
		to, err := strconv.ParseUint(high, 10, 64)
		if err != nil || operator != "=" || to < from {
			return nil, fmt.Errorf("%q is no range", text)
		}
		return func(n uint64) bool { return from < n && n < to }, nil
	}
	switch operator {
	case "=", "==":
		return func(n uint64) bool { return n == from }, nil
	case "!=", "!":
		return func(n uint64) bool { return n != from }, nil
	case ">":
		return func(n uint64) bool { return n > from }, nil
	case "<":
		return func(n uint64) bool { return n < from }, nil
	case ">=":
		return func(n uint64) bool { return n >= from }, nil
	case "<=":
		return func(n uint64) bool { return n <= from }, nil
	}
	return nil, fmt.Errorf("operator %q is not =, !=, <, >, <= or >=", operator)
}
