package field

import (
	"fengsui/capture/flow"
	d "fengsui/capture/proto/dht"
)

// bitTorrentDHT has events only: the rule language has no keywords for this protocol.
func bitTorrentDHT() Protocol {
	return Protocol{App: flow.AppBitTorrentDHT, Events: d.Anomalies}
}
