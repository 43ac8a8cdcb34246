package field

import (
	"fengsui/capture/flow"
	telnetproto "fengsui/capture/proto/telnet"
)

// telnet has no keywords of its own in Suricata: rules on telnet match the stream, and the events here.
func telnet() Protocol {
	return Protocol{App: flow.AppTelnet, Events: telnetproto.Anomalies}
}
