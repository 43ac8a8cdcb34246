package flow

import "net/netip"

// Key names a flow: addresses and ports in a canonical order, so that both directions have the same key.
type Key struct {
	A, B         netip.Addr
	PortA, PortB uint16
	Proto        uint8
	VLAN         [2]uint16
}

type links struct {
	next, prev *Flow
}
