package field

import (
	"fengsui/capture/flow"
	m "fengsui/capture/proto/mysql"
)

func mysql() Protocol {
	return Protocol{
		App: flow.AppMySQL,
		Buffers: []Buffer{
			{Names: []string{"mysql.command"}, Dirs: ToServer, Need: After(m.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
				t, ok := v.Tx.(*m.Transaction)
				if !ok || i > 0 || len(t.Text) == 0 {
					return nil, false
				}
				return t.Text, true
			}},
			{Names: []string{"mysql.rows"}, Dirs: ToClient, Need: After(m.Done), Multi: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
				t, ok := v.Tx.(*m.Transaction)
				if !ok || i >= len(t.Lines) {
					return nil, false
				}
				return t.Lines[i], true
			}},
		},
		Events: m.Anomalies,
	}
}
