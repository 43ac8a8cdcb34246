package field

import (
	"fengsui/capture/flow"
	r "fengsui/capture/proto/redis"
)

// redis's keywords are ours: the rule language has none for this protocol.
func redis() Protocol {
	return Protocol{
		App: flow.AppRedis,
		Buffers: []Buffer{{Names: []string{"redis.command"}, Dirs: ToServer, Need: After(r.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*r.Transaction)
			if !ok || i > 0 {
				return nil, false
			}
			return t.Text, true
		}}},
		Events: r.Anomalies,
	}
}
