package field

import (
	"fengsui/capture/flow"
	m "fengsui/capture/proto/mongodb"
)

// mongodb's keywords are ours: the rule language has none for this protocol.
func mongodb() Protocol {
	return Protocol{
		App: flow.AppMongoDB,
		Buffers: []Buffer{{Names: []string{"mongodb.command"}, Dirs: ToServer, Need: After(m.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*m.Transaction)
			if !ok || i > 0 || len(t.Statement) == 0 {
				return nil, false
			}
			return t.Statement, true
		}}},
		Events: m.Anomalies,
	}
}
