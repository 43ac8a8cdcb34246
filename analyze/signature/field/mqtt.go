package field

import (
	"fmt"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	m "fengsui/capture/proto/mqtt"
)

// mqttTx returns the exchange when the view is from the side it belongs to, nil otherwise.
func mqttTx(v *View) *m.Transaction {
	if t, ok := v.Tx.(*m.Transaction); ok && v.Dir == t.Only {
		return t
	}
	return nil
}

// mqttBytes is a buffer of one value in the first message of a type.
func mqttBytes(name string, kind uint8, get func(x *m.Message) []byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: Both, Need: After(m.Begun), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		t := mqttTx(v)
		if t == nil || i > 0 {
			return nil, false
		}
		x := t.First(kind)
		if x == nil || kind == m.Connect && x.Connect == nil {
			return nil, false
		}
		b := get(x)
		return b, b != nil
	}}
}

// mqttTopics is a buffer of all topics of a message type.
func mqttTopics(name string, kind uint8) Buffer {
	return Buffer{Names: []string{name}, Dirs: Both, Need: After(m.Begun), Multi: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		t := mqttTx(v)
		if t == nil {
			return nil, false
		}
		if x := t.First(kind); x != nil && i < len(x.Topics) {
			return x.Topics[i], true
		}
		return nil, false
	}}
}

// mqttNumber is a number that each message of the exchange has.
func mqttNumber(name string, words map[string]uint64, get func(x *m.Message) uint64) Number {
	return Number{Names: []string{name}, Dirs: Both, Need: After(m.Done), Max: 255, Words: words, Get: func(v *View, i int) (uint64, bool) {
		t := mqttTx(v)
		if t == nil || i >= len(t.Messages) {
			return 0, false
		}
		return get(&t.Messages[i]), true
	}}
}

// flagList reads "a,!b" or an integer mask condition over named bits: all must be as said.
func flagList(value string, bits map[string]uint64) (func(n uint64) bool, error) {
	var set, unset uint64
	if mask, ok := strings.CutPrefix(strings.TrimSpace(value), "&"); ok {
		return maskTest(mask)
	}
	if n, err := strconv.ParseUint(strings.TrimSpace(value), 0, 64); err == nil {
		return func(have uint64) bool { return have == n }, nil
	}
	for _, word := range strings.Split(value, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		name, not := strings.CutPrefix(word, "!")
		bit, ok := bits[strings.TrimSpace(name)]
		switch {
		case !ok:
			return nil, fmt.Errorf("flag %q is not known", name)
		case not:
			unset |= bit
		default:
			set |= bit
		}
	}
	if set&unset != 0 {
		return nil, fmt.Errorf("%q asks for a flag to be set and not set", value)
	}
	return func(have uint64) bool { return have&set == set && have&unset == 0 }, nil
}

// maskTest reads mask=value and mask!=value.
func maskTest(text string) (func(n uint64) bool, error) {
	maskText, valueText, found := strings.Cut(text, "=")
	maskText, differs := strings.CutSuffix(maskText, "!")
	mask, err := strconv.ParseUint(strings.TrimSpace(maskText), 0, 64)
	if err != nil || !found {
		return nil, fmt.Errorf("want &mask=value or &mask!=value, not %q", text)
	}
	want, err := strconv.ParseUint(strings.TrimSpace(valueText), 0, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", valueText)
	}
	if want&^mask != 0 {
		return nil, fmt.Errorf("value %#x has bits outside of the mask %#x", want, mask)
	}
	return func(n uint64) bool { return (n&mask == want) != differs }, nil
}

func mqttFlags(name string, bits map[string]uint64, get func(x *m.Message) (uint64, bool)) Test {
	return Test{Names: []string{name}, Dirs: Both, Need: After(m.Done), Value: ValueNeeded, Parse: func(value string) (func(v *View) bool, error) {
		match, err := flagList(value, bits)
		if err != nil {
			return nil, err
		}
		return func(v *View) bool {
			t := mqttTx(v)
			if t == nil {
				return false
			}
			for i := range t.Messages {
				if n, ok := get(&t.Messages[i]); ok && match(n) {
					return true
				}
			}
			return false
		}, nil
	}}
}

func mqtt() Protocol {
	types := map[string]uint64{}
	for i := range uint8(16) {
		types[strings.ToLower(m.TypeName(i))] = uint64(i)
	}
	opening := func(name string, get func(c *m.Opening) []byte) Buffer {
		return mqttBytes(name, m.Connect, func(x *m.Message) []byte { return get(x.Connect) })
	}
	return Protocol{
		App: flow.AppMQTT,
		Buffers: []Buffer{
			opening("mqtt.connect.clientid", func(c *m.Opening) []byte { return c.ClientID }),
			opening("mqtt.connect.username", func(c *m.Opening) []byte { return c.Username }),
			opening("mqtt.connect.password", func(c *m.Opening) []byte { return c.Password }),
			opening("mqtt.connect.willtopic", func(c *m.Opening) []byte { return c.WillTopic }),
			opening("mqtt.connect.willmessage", func(c *m.Opening) []byte { return c.WillMessage }),
			opening("mqtt.connect.protocol_string", func(c *m.Opening) []byte { return c.Protocol }),
			mqttBytes("mqtt.publish.message", m.Publish, func(x *m.Message) []byte { return x.Payload }),
			mqttTopics("mqtt.publish.topic", m.Publish),
			mqttTopics("mqtt.subscribe.topic", m.Subscribe),
			mqttTopics("mqtt.unsubscribe.topic", m.Unsubscribe),
		},
		Numbers: []Number{
			{Names: []string{"mqtt.protocol_version"}, Dirs: Both, Need: After(m.Begun), Max: 255, Get: func(v *View, i int) (uint64, bool) {
				t := mqttTx(v)
				if t == nil || i > 0 || t.Version == 0 {
					return 0, false
				}
				return uint64(t.Version), true
			}},
			mqttNumber("mqtt.type", types, func(x *m.Message) uint64 { return uint64(x.Type) }),
			mqttNumber("mqtt.qos", nil, func(x *m.Message) uint64 { return uint64(x.QoS()) }),
			{Names: []string{"mqtt.reason_code", "mqtt.connack.return_code"}, Dirs: Both, Need: After(m.Done), Max: 255, Get: mqttReason},
		},
		Tests: []Test{
			mqttFlags("mqtt.flags", map[string]uint64{"dup": 8, "retain": 1}, func(x *m.Message) (uint64, bool) { return uint64(x.Flags), true }),
			mqttFlags("mqtt.connect.flags", map[string]uint64{
				"username": m.FlagUsername, "password": m.FlagPassword, "will": m.FlagWill, "will_retain": m.FlagWillRetain, "clean_session": m.FlagCleanSession,
			}, func(x *m.Message) (uint64, bool) {
				if x.Connect == nil {
					return 0, false
				}
				return uint64(x.Connect.Flags), true
			}),
			{Names: []string{"mqtt.connack.session_present"}, Dirs: Both, Need: After(m.Done), Value: ValueNeeded, Parse: mqttSession},
		},
		Events: m.Anomalies,
	}
}

// mqttReason gives the reason codes of all messages of the exchange, one after another.
func mqttReason(v *View, i int) (uint64, bool) {
	t := mqttTx(v)
	if t == nil {
		return 0, false
	}
	for k := range t.Messages {
		codes := t.Messages[k].Reasons
		if i < len(codes) {
			return uint64(codes[i]), true
		}
		i -= len(codes)
	}
	return 0, false
}

func mqttSession(value string) (func(v *View) bool, error) {
	var want bool
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "yes", "true":
		want = true
	case "no", "false":
	default:
		return nil, fmt.Errorf("want yes, true, no or false, not %q", value)
	}
	return func(v *View) bool {
		t := mqttTx(v)
		if t == nil {
			return false
		}
		x := t.First(m.Connack)
		return x != nil && x.SessionPresent == want
	}, nil
}
