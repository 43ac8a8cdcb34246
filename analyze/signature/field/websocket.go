package field

import (
	"fmt"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	ws "fengsui/capture/proto/websocket"
)

// wsFrame returns the frame when the view is from its side, nil otherwise.
func wsFrame(v *View) *ws.Transaction {
	if t, ok := v.Tx.(*ws.Transaction); ok && v.Dir == t.Only {
		return t
	}
	return nil
}

func webSocket() Protocol {
	number := func(name string, most uint64, words map[string]uint64, get func(t *ws.Transaction) (uint64, bool)) Number {
		return Number{
			Names: []string{name}, Dirs: Both, Need: After(ws.Done), Max: most, Words: words,
			Get: func(v *View, i int) (uint64, bool) {
				t := wsFrame(v)
				if t == nil || i > 0 {
					return 0, false
				}
				return get(t)
			},
		}
	}
	return Protocol{
		App: flow.AppWebSocket, Events: ws.Anomalies,
		Buffers: []Buffer{{
			Names: []string{"websocket.payload"}, Dirs: Both, Need: After(ws.Done),
			Get: func(v *View, i int, _ []byte) ([]byte, bool) {
				t := wsFrame(v)
				if t == nil || i > 0 {
					return nil, false
				}
				return t.Payload, true
			},
		}},
		Numbers: []Number{
			number("websocket.mask", 1<<32-1, nil, func(t *ws.Transaction) (uint64, bool) { return uint64(t.Mask), t.Masked }),
			number("websocket.opcode", 15, ws.Opcodes, func(t *ws.Transaction) (uint64, bool) { return uint64(t.Opcode), true }),
		},
		Tests: []Test{{Names: []string{"websocket.flags"}, Dirs: Both, Need: After(ws.Done), Value: ValueNeeded, Parse: parseWebSocketFlags}},
	}
}

// parseWebSocketFlags reads a list of fin and comp, each negated by "!" or not; a number with a comparison before it; or
// &mask=value.
func parseWebSocketFlags(value string) (func(v *View) bool, error) {
	text := strings.ToLower(strings.ReplaceAll(strings.Trim(value, `" `), " ", ""))
	if text == "" {
		return nil, fmt.Errorf("flags are missing")
	}
	var test func(n uint64) bool
	switch {
	case text[0] == '&' || strings.HasPrefix(text, "!&"):
		t, err := maskCondition(text)
		if err != nil {
			return nil, err
		}
		test = t
	case strings.ContainsAny(text[:1], "0123456789<>=!") && !strings.HasPrefix(text, "!fin") && !strings.HasPrefix(text, "!comp"):
		if text[0] >= '0' && text[0] <= '9' {
			text = "=" + text
		}
		t, err := simpleCondition(text)
		if err != nil {
			return nil, err
		}
		test = t
	default:
		var must, not uint64
		for _, word := range strings.Split(text, ",") {
			name, negated := strings.CutPrefix(word, "!")
			bit, ok := map[string]uint64{"fin": ws.FlagFin, "comp": ws.FlagCompressed}[name]
			if !ok {
				return nil, fmt.Errorf("flag %q is not fin or comp", name)
			}
			if negated {
				not |= bit
			} else {
				must |= bit
			}
		}
		test = func(n uint64) bool { return n&must == must && n&not == 0 }
	}
	return func(v *View) bool {
		t := wsFrame(v)
		return t != nil && test(uint64(t.Flags))
	}, nil
}

// maskCondition reads [!]&mask[=value]: the bits of mask are as in value (without one: any of them is set).
func maskCondition(text string) (func(n uint64) bool, error) {
	text, negated := strings.CutPrefix(text, "!")
	left, right, valued := strings.Cut(strings.TrimPrefix(text, "&"), "=")
	mask, err := strconv.ParseUint(left, 0, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", left)
	}
	want := uint64(0)
	if valued {
		if want, err = strconv.ParseUint(right, 0, 64); err != nil {
			return nil, fmt.Errorf("%q is no number", right)
		}
	}
	return func(n uint64) bool {
		if !valued {
			return n&mask != 0 != negated
		}
		return n&mask == want != negated
	}, nil
}
