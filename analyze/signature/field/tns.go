package field

import (
	"fengsui/capture/flow"
	o "fengsui/capture/proto/tns"
)

// tns's keywords are ours: the rule language has none for this protocol.
func tns() Protocol {
	return Protocol{
		App: flow.AppTNS,
		Buffers: []Buffer{{Names: []string{"tns.query"}, Dirs: ToServer, Need: After(o.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*o.Transaction)
			if !ok || i > 0 || len(t.Text) == 0 {
				return nil, false
			}
			return t.Text, true
		}}},
		Events: o.Anomalies,
	}
}
