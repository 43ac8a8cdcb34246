package spread

import (
	"encoding/binary"
	"math/bits"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// pairOf hashes the two addresses that a packet's flow is between, whichever way it goes. ok is false for packets without IP.
func pairOf(p *packet.Packet) (h uint16, ok bool) {
	if p.IPVersion == 0 || !p.Src.IsValid() || !p.Dst.IsValid() {
		return 0, false
	}
	a, b := p.Src.As16(), p.Dst.As16()
	if x, y, quoted := flow.Quoted(p); quoted {
		a, b = x.As16(), y.As16()
	}
	return uint16((mix(a) + mix(b)) * 0x9E3779B97F4A7C15 >> 48), true
}

func mix(a [16]byte) uint64 {
	hi, lo := bits.Mul64(binary.BigEndian.Uint64(a[:8])^0x2d358dccaa6c78a5, binary.BigEndian.Uint64(a[8:])^0x8bb84b93962eacc9)
	return hi ^ lo
}
