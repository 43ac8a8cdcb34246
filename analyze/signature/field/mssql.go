package field

import (
	"fengsui/capture/flow"
	m "fengsui/capture/proto/mssql"
)

// mssql's keywords are ours: the rule language has none for this protocol.
func mssql() Protocol {
	return Protocol{
		App: flow.AppMSSQL,
		Buffers: []Buffer{{Names: []string{"mssql.query"}, Dirs: ToServer, Need: After(m.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*m.Transaction)
			if !ok || i > 0 || len(t.Text) == 0 {
				return nil, false
			}
			return t.Text, true
		}}},
		Events: m.Anomalies,
	}
}
