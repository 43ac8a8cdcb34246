package field

import (
	"fengsui/capture/flow"
	p "fengsui/capture/proto/pgsql"
)

func pgsql() Protocol {
	return Protocol{
		App: flow.AppPgSQL,
		Buffers: []Buffer{{Names: []string{"pgsql.query"}, Dirs: ToServer, Need: After(p.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*p.Transaction)
			if !ok || i > 0 || len(t.Text) == 0 {
				return nil, false
			}
			return t.Text, true
		}}},
		Events: p.Anomalies,
	}
}
