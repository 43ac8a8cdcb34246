package field

import (
	"fmt"
	"strconv"
	"strings"

	"fengsui/analyze/signature/number"
	"fengsui/capture/flow"
	modbusproto "fengsui/capture/proto/modbus"
)

// modbusCategories are the words of modbus:function. Never written.
var modbusCategories = map[string]modbusproto.Category{
	"assigned": modbusproto.Assigned, "unassigned": modbusproto.Unassigned, "public": modbusproto.Assigned | modbusproto.Unassigned,
	"user": modbusproto.User, "reserved": modbusproto.Reserved,
	"all": modbusproto.Assigned | modbusproto.Unassigned | modbusproto.User | modbusproto.Reserved,
}

// modbusTypes are what modbus:access may name. Never written.
var modbusTypes = map[string]modbusproto.Access{
	"discretes": modbusproto.Discretes, "coils": modbusproto.Coils, "input": modbusproto.Input, "holding": modbusproto.Holding,
}

// modbusRule is one modbus keyword, read. Nil conditions hold always.
type modbusRule struct {
	unit, code, sub, address, value *number.Condition
	category                        modbusproto.Category // 0: any
	notCategory                     bool
	access                          modbusproto.Access // all of these bits
}

// parseModbus reads the value of modbus: "unit 1-10, function 8, subfunction 4", "function !public",
// "access write holding, address 500<>510, value >200" (Suricata, Modbus keyword).
func parseModbus(value string) (func(v *View) bool, error) {
	var r modbusRule
	for _, part := range strings.Split(value, ",") {
		words := strings.Fields(part)
		if len(words) < 2 {
			return nil, fmt.Errorf("%q is not a word and what it asks", strings.TrimSpace(part))
		}
		if err := r.part(words[0], strings.Join(words[1:], " ")); err != nil {
			return nil, err
		}
	}
	switch {
	case r.sub != nil && r.code == nil:
		return nil, fmt.Errorf("subfunction without function")
	case (r.address != nil || r.value != nil) && r.access == 0:
		return nil, fmt.Errorf("address and value belong to access")
	case r.value != nil && (r.access&modbusproto.Write == 0 || r.address == nil):
		return nil, fmt.Errorf("value needs access write and an address")
	}
	return func(v *View) bool {
		t := v.Tx.(*modbusproto.Transaction)
		return t.RequestSeen && r.match(t)
	}, nil
}

func (r *modbusRule) part(word, text string) error {
	condition := func(to **number.Condition, limit uint64) error {
		c, err := number.Parse(text, limit)
		if err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
		*to = &c
		return nil
	}
	switch word {
	case "unit":
		return condition(&r.unit, 255)
	case "subfunction":
		return condition(&r.sub, 65535)
	case "address":
		return condition(&r.address, 65535)
	case "value":
		return condition(&r.value, 65535)
	case "function":
		if _, err := strconv.ParseUint(text, 0, 8); err == nil {
			return condition(&r.code, 255)
		}
		name, negated := strings.CutPrefix(text, "!")
		c, ok := modbusCategories[strings.TrimSpace(name)]
		if !ok {
			return fmt.Errorf("function %q is neither a number nor assigned, unassigned, public, user, reserved or all", text)
		}
		r.category, r.notCategory = c, negated
		return nil
	case "access":
		return r.parseAccess(text)
	}
	return fmt.Errorf("%q is not unit, function, subfunction, access, address or value", word)
}

func (r *modbusRule) parseAccess(text string) error {
	way, kind, hasKind := strings.Cut(text, " ")
	switch way {
	case "read":
		r.access = modbusproto.Read
	case "write":
		r.access = modbusproto.Write
	default:
		return fmt.Errorf("access %q is not read or write", way)
	}
	if !hasKind {
		return nil
	}
	bit, ok := modbusTypes[kind]
	if !ok {
		return fmt.Errorf("%q is not discretes, coils, input or holding", kind)
	}
	if way == "write" && (bit == modbusproto.Discretes || bit == modbusproto.Input) {
		return fmt.Errorf("%s cannot be written", kind)
	}
	r.access |= bit
	return nil
}

func (r *modbusRule) match(t *modbusproto.Transaction) bool {
	q := &t.Request
	holds := func(c *number.Condition, n uint64) bool { return c == nil || c.Match(n) }
	if !holds(r.unit, uint64(t.Unit)) || !holds(r.code, uint64(q.Function)) || r.sub != nil && (!q.HasSub || !r.sub.Match(uint64(q.Subfunction))) {
		return false
	}
	if r.category != 0 && (r.category&modbusproto.CategoryOf(q.Function) != 0) == r.notCategory {
		return false
	}
	if r.access == 0 {
		return true
	}
	if modbusproto.AccessOf(q.Function)&r.access != r.access {
		return false
	}
	if r.address == nil {
		return true
	}
	span := q.Read
	if r.access&modbusproto.Write != 0 {
		span = q.Write
	}
	for i := range int(span.Quantity) {
		if !r.address.Match(uint64(int(span.Address) + i)) {
			continue
		}
		if r.value == nil || i < len(q.Values) && r.value.Match(uint64(q.Values[i])) {
			return true
		}
	}
	return false
}

func modbus() Protocol {
	return Protocol{
		App:    flow.AppModbus,
		Tests:  []Test{{Names: []string{"modbus"}, Dirs: ToServer, Need: After(modbusproto.Done), Value: ValueNeeded, Parse: parseModbus}},
		Events: modbusproto.Anomalies,
	}
}
