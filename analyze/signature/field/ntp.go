package field

import (
	"fengsui/capture/flow"
	n "fengsui/capture/proto/ntp"
)

func ntp() Protocol {
	number := func(name string, words map[string]uint64, get func(t *n.Transaction) (uint8, bool)) Number {
		return Number{Names: []string{name}, Dirs: Both, Need: After(n.Done), Max: 255, Words: words, Get: func(v *View, i int) (uint64, bool) {
			t, ok := v.Tx.(*n.Transaction)
			if !ok || i > 0 || !t.Readable {
				return 0, false
			}
			x, ok := get(t)
			return uint64(x), ok
		}}
	}
	modes := map[string]uint64{}
	for m := range uint8(8) {
		modes[n.ModeName(m)] = uint64(m)
	}
	return Protocol{
		App: flow.AppNTP,
		Buffers: []Buffer{{Names: []string{"ntp.reference_id"}, Dirs: Both, Need: After(n.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*n.Transaction)
			if !ok || i > 0 || !t.Timed() {
				return nil, false
			}
			return t.ReferenceID, true
		}}},
		Numbers: []Number{
			number("ntp.version", nil, func(t *n.Transaction) (uint8, bool) { return t.Version, true }),
			number("ntp.mode", modes, func(t *n.Transaction) (uint8, bool) { return t.Mode, true }),
			number("ntp.stratum", nil, func(t *n.Transaction) (uint8, bool) { return t.Stratum, t.Timed() }),
		},
		Events: n.Anomalies,
	}
}
