package field

import (
	"fengsui/capture/flow"
	telnetproto "fengsui/capture/proto/telnet"
)

// telnet has no keywords of its own in Suricata: rules on telnet match the stream, and the frame data: what is typed and
// what is printed, commands taken out.
func telnet() Protocol {
	return Protocol{
		App: flow.AppTelnet,
		Frames: []Buffer{{Names: []string{"data"}, Dirs: Both, Need: After(telnetproto.Begun), Grows: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t := v.Tx.(*telnetproto.Transaction)
			data := t.Line
			if v.Dir == flow.ToClient {
				data = t.Output
			}
			return data, i == 0 && len(data) > 0
		}}},
		Events: telnetproto.Anomalies,
	}
}
