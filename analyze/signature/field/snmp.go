package field

import (
	"math"

	"fengsui/capture/flow"
	s "fengsui/capture/proto/snmp"
)

func snmp() Protocol {
	bytes := func(name string, get func(t *s.Transaction) []byte) Buffer {
		return Buffer{Names: []string{name}, Dirs: Both, Need: After(s.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*s.Transaction)
			if !ok || i > 0 {
				return nil, false
			}
			b := get(t)
			return b, b != nil
		}}
	}
	number := func(name string, get func(t *s.Transaction) (uint8, bool)) Number {
		return Number{Names: []string{name}, Dirs: Both, Need: After(s.Done), Max: math.MaxUint32, Get: func(v *View, i int) (uint64, bool) {
			t, ok := v.Tx.(*s.Transaction)
			if !ok || i > 0 {
				return 0, false
			}
			n, ok := get(t)
			return uint64(n), ok
		}}
	}
	return Protocol{
		App: flow.AppSNMP,
		Buffers: []Buffer{
			bytes("snmp.community", func(t *s.Transaction) []byte { return t.Community }),
			bytes("snmp.usm", func(t *s.Transaction) []byte { return t.User }),
		},
		Numbers: []Number{
			number("snmp.version", func(t *s.Transaction) (uint8, bool) { return t.Version, t.Version != 0 }),
			number("snmp.pdu_type", func(t *s.Transaction) (uint8, bool) { return t.PDU, t.HasPDU }),
		},
		Events: s.Anomalies,
	}
}
