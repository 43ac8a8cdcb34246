package field

import (
	"fengsui/capture/flow"
	rfbproto "fengsui/capture/proto/rfb"
)

func rfb() Protocol {
	of := func(v *View) *rfbproto.Transaction { return v.Tx.(*rfbproto.Transaction) }
	return Protocol{
		App: flow.AppRFB,
		Buffers: []Buffer{{
			Names: []string{"rfb.name"}, Dirs: ToClient, Need: After(rfbproto.Done),
			Get: func(v *View, i int, _ []byte) ([]byte, bool) { return of(v).Name, i == 0 && of(v).InitSeen },
		}},
		Numbers: []Number{
			{
				Names: []string{"rfb.sectype"}, Dirs: ToServer, Need: After(rfbproto.SecurityDone), Max: 1<<32 - 1,
				Get: func(v *View, i int) (uint64, bool) { return uint64(of(v).Security), i == 0 && of(v).SecuritySeen },
			},
			{
				Names: []string{"rfb.secresult"}, Dirs: ToClient, Need: After(rfbproto.SecurityDone), Max: 1<<32 - 1,
				Words: map[string]uint64{"ok": rfbproto.ResultOK, "fail": rfbproto.ResultFail, "toomany": rfbproto.ResultTooMany, "unknown": 3},
				Get: func(v *View, i int) (uint64, bool) {
					// What has no name is "unknown", whatever its number.
					return min(uint64(of(v).Result), 3), i == 0 && of(v).ResultSeen
				},
			},
		},
		Events: rfbproto.Anomalies,
	}
}
