package field

import (
	"math"

	"fengsui/capture/flow"
	d "fengsui/capture/proto/dhcp"
)

// dhcpTime is a number taken from an option of four bytes.
func dhcpTime(name string, code uint8) Number {
	return Number{Names: []string{name}, Dirs: Both, Need: After(d.Done), Max: math.MaxUint64, Get: func(v *View, i int) (uint64, bool) {
		t, ok := v.Tx.(*d.Transaction)
		if !ok || i > 0 {
			return 0, false
		}
		n, ok := t.Number(code)
		return uint64(n), ok
	}}
}

func dhcp() Protocol {
	return Protocol{
		App: flow.AppDHCP,
		Numbers: []Number{
			dhcpTime("dhcp.leasetime", d.OptLeaseTime),
			dhcpTime("dhcp.renewal_time", d.OptRenewal),
			dhcpTime("dhcp.rebinding_time", d.OptRebinding),
		},
		Events: d.Anomalies,
	}
}
