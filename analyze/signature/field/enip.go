package field

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	n "fengsui/capture/proto/enip"
)

// enipPDU is the message of the view's side.
func enipPDU(v *View) *n.PDU {
	if t, ok := v.Tx.(*n.Transaction); ok {
		return t.PDUs[v.Dir]
	}
	return nil
}

func enipNumber(names string, limit uint64, words map[string]uint64, get func(p *n.PDU) (uint64, bool)) Number {
	return Number{Names: strings.Fields(names), Dirs: Both, Need: After(n.Done), Max: limit, Words: words, Get: func(v *View, i int) (uint64, bool) {
		p := enipPDU(v)
		if p == nil || i > 0 {
			return 0, false
		}
		return get(p)
	}}
}

// enipIdentity is a number of the identity a message carries.
func enipIdentity(name string, limit uint64, get func(d *n.Identity) uint64) Number {
	return enipNumber(name, limit, nil, func(p *n.PDU) (uint64, bool) {
		if p.Identity == nil {
			return 0, false
		}
		return get(p.Identity), true
	})
}

// enipCIP is a number that CIP messages have several of.
func enipCIP(name string, limit uint64, get func(m *n.CIP) []uint32) Number {
	return Number{Names: []string{name}, Dirs: Both, Need: After(n.Done), Max: limit, Get: func(v *View, i int) (uint64, bool) {
		p := enipPDU(v)
		if p == nil {
			return 0, false
		}
		for k := range p.CIP {
			list := get(&p.CIP[k])
			if i < len(list) {
				return uint64(list[i]), true
			}
			i -= len(list)
		}
		return 0, false
	}}
}

// enipBytes is a text a message may carry.
func enipBytes(name string, get func(p *n.PDU) []byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: Both, Need: After(n.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		p := enipPDU(v)
		if p == nil || i > 0 {
			return nil, false
		}
		b := get(p)
		return b, b != nil
	}}
}

// cipService reads service[,class[,attribute]]. A service alone is found in requests and in their answers.
func cipService(value string) (func(v *View) bool, error) {
	parts := strings.Split(value, ",")
	if len(parts) > 3 {
		return nil, fmt.Errorf("want service, class and attribute at most, not %q", value)
	}
	limits := [...]uint64{math.MaxUint8 >> 1, math.MaxUint16, math.MaxUint16}
	var want []uint32
	for i, s := range parts {
		x, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
		if err != nil || x > limits[i] {
			return nil, fmt.Errorf("%q is no number up to %d", strings.TrimSpace(s), limits[i])
		}
		want = append(want, uint32(x))
	}
	return func(v *View) bool {
		p := enipPDU(v)
		if p == nil {
			return false
		}
		for i := range p.CIP {
			m := &p.CIP[i]
			if uint32(m.Service) != want[0] || m.Answer && len(want) > 1 { // answers have no path
				continue
			}
			if (len(want) < 2 || slices.Contains(m.Classes, want[1])) && (len(want) < 3 || slices.Contains(m.Attributes, want[2])) {
				return true
			}
		}
		return false
	}, nil
}

func enip() Protocol {
	commands, statuses := map[string]uint64{}, map[string]uint64{}
	for k, w := range n.CommandNames {
		commands[w] = uint64(k)
	}
	for k, w := range n.StatusNames {
		statuses[w] = uint64(k)
	}
	return Protocol{
		App: flow.AppENIP,
		Buffers: []Buffer{
			enipBytes("enip.product_name", func(p *n.PDU) []byte {
				if p.Identity == nil {
					return nil
				}
				return p.Identity.Name
			}),
			enipBytes("enip.service_name", func(p *n.PDU) []byte { return p.ServiceName }),
		},
		Numbers: []Number{
			enipNumber("enip_command enip.command", math.MaxUint16, commands, func(p *n.PDU) (uint64, bool) { return uint64(p.Command), true }),
			enipNumber("enip.status", math.MaxUint32, statuses, func(p *n.PDU) (uint64, bool) { return uint64(p.Status), true }),
			enipNumber("enip.protocol_version", math.MaxUint16, nil, func(p *n.PDU) (uint64, bool) { return uint64(p.Version), p.HasVersion }),
			enipNumber("enip.capabilities", math.MaxUint16, nil, func(p *n.PDU) (uint64, bool) { return uint64(p.Capabilities), p.HasService }),
			enipIdentity("enip.revision", math.MaxUint16, func(d *n.Identity) uint64 { return uint64(d.Revision) }),
			enipIdentity("enip.identity_status", math.MaxUint16, func(d *n.Identity) uint64 { return uint64(d.Status) }),
			enipIdentity("enip.state", math.MaxUint8, func(d *n.Identity) uint64 { return uint64(d.State) }),
			enipIdentity("enip.serial", math.MaxUint32, func(d *n.Identity) uint64 { return uint64(d.Serial) }),
			enipIdentity("enip.product_code", math.MaxUint16, func(d *n.Identity) uint64 { return uint64(d.ProductCode) }),
			enipIdentity("enip.device_type", math.MaxUint16, func(d *n.Identity) uint64 { return uint64(d.DeviceType) }),
			enipIdentity("enip.vendor_id", math.MaxUint16, func(d *n.Identity) uint64 { return uint64(d.Vendor) }),
			enipCIP("enip.cip_attribute", math.MaxUint32, func(m *n.CIP) []uint32 { return m.Attributes }),
			enipCIP("enip.cip_instance", math.MaxUint32, func(m *n.CIP) []uint32 { return m.Instances }),
			enipCIP("enip.cip_class", math.MaxUint32, func(m *n.CIP) []uint32 { return m.Classes }),
			enipCIP("enip.cip_status", math.MaxUint8, func(m *n.CIP) []uint32 {
				if !m.Answer {
					return nil
				}
				return []uint32{uint32(m.Status)}
			}),
			enipCIP("enip.cip_extendedstatus", math.MaxUint16, func(m *n.CIP) []uint32 {
				list := make([]uint32, len(m.Extended))
				for i, x := range m.Extended {
					list[i] = uint32(x)
				}
				return list
			}),
		},
		Tests:  []Test{{Names: []string{"cip_service", "enip.cip_service"}, Dirs: Both, Need: After(n.Done), Value: ValueNeeded, Parse: cipService}},
		Events: n.Anomalies,
	}
}
