package field

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	"fengsui/capture/proto/dcerpc"
)

// rpcCarrier is a transaction that may hold a call: those of packages dcerpc and smb, whose progress constants are alike.
type rpcCarrier interface {
	RPC() *dcerpc.Call // nil when there is none
}

// call returns the operation call of a transaction, nil when it is none (a bind, a file).
func call(v *View) *dcerpc.Call {
	t, ok := v.Tx.(rpcCarrier)
	if !ok {
		return nil
	}
	c := t.RPC()
	if c == nil || !c.IsRequest() {
		return nil
	}
	return c
}

// DCEOrder tells whether the side of v sends its numbers in little-endian order, as byte_test and byte_jump with the
// option dce want to know; known is false when the transaction is no DCE/RPC.
func DCEOrder(v *View) (little, known bool) {
	t, ok := v.Tx.(rpcCarrier)
	if !ok {
		return false, false
	}
	c := t.RPC()
	if c == nil || !c.Sides[v.Dir].Seen {
		return false, false
	}
	return c.Sides[v.Dir].Little, true
}

// rpcBuffers are the buffers of calls, for dcerpc and smb.
func rpcBuffers() []Buffer {
	return []Buffer{{
		Names: []string{"dcerpc.stub_data", "dce_stub_data"}, Dirs: Both, Need: After(dcerpc.Done),
		Get: func(v *View, _ int, _ []byte) ([]byte, bool) {
			c := call(v)
			if c == nil || !c.Sides[v.Dir].Seen {
				return nil, false
			}
			return c.Sides[v.Dir].Stub, true
		},
	}}
}

// rpcTests are the other keywords of calls, for dcerpc and smb.
func rpcTests() []Test {
	return []Test{
		{Names: []string{"dcerpc.iface", "dce_iface"}, Dirs: Both, Need: After(dcerpc.Begun), Value: ValueNeeded, Parse: parseInterface},
		{Names: []string{"dcerpc.opnum", "dce_opnum"}, Dirs: Both, Need: After(dcerpc.Begun), Value: ValueNeeded, Parse: parseOpnum},
	}
}

// parseInterface reads "uuid[,[<>!=]version][,any_frag]".
func parseInterface(value string) (func(v *View) bool, error) {
	parts := strings.Split(value, ",")
	uuid, ok := dcerpc.ParseUUID(strings.TrimSpace(parts[0]))
	if !ok {
		return nil, fmt.Errorf("%q is no interface UUID", strings.TrimSpace(parts[0]))
	}
	anyFragment, compare, version := false, byte(0), uint16(0)
	for i, p := range parts[1:] {
		p = strings.TrimSpace(p)
		switch {
		case p == "any_frag" && !anyFragment:
			anyFragment = true
		case i == 0 && len(p) > 1 && strings.IndexByte("<>!=", p[0]) >= 0:
			n, err := strconv.ParseUint(strings.TrimSpace(p[1:]), 10, 16)
			if err != nil {
				return nil, fmt.Errorf("interface version %q is no number of 16 bits", p[1:])
			}
			compare, version = p[0], uint16(n)
		default:
			return nil, fmt.Errorf("%q is neither a version with operator nor any_frag", p)
		}
	}
	return func(v *View) bool {
		c := call(v)
		if c == nil || !c.Sides[v.Dir].Seen || !anyFragment && !c.Sides[v.Dir].First {
			return false
		}
		for i := range c.Interfaces {
			if c.Interfaces[i].UUID == uuid && versionHolds(compare, c.Interfaces[i].Major, version) {
				return true
			}
		}
		return false
	}, nil
}

func versionHolds(compare byte, got, want uint16) bool {
	switch compare {
	case '<':
		return got < want
	case '>':
		return got > want
	case '!':
		return got != want
	case '=':
		return got == want
	}
	return true
}

// parseOpnum reads a list of numbers and ranges, bounds included.
func parseOpnum(value string) (func(v *View) bool, error) {
	type span struct{ from, to uint16 }
	var list []span
	for _, p := range strings.Split(value, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(p), "-")
		from, err := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("operation %q is no number of 16 bits", p)
		}
		to := from
		if ranged {
			if to, err = strconv.ParseUint(strings.TrimSpace(high), 10, 16); err != nil {
				return nil, fmt.Errorf("operation range %q does not end with a number of 16 bits", p)
			}
			if to <= from {
				return nil, errors.New("operation range ends before it begins")
			}
		}
		list = append(list, span{uint16(from), uint16(to)})
	}
	return func(v *View) bool {
		c := call(v)
		if c == nil || !c.Sides[flow.ToServer].Seen {
			return false
		}
		for _, s := range list {
			if c.Opnum >= s.from && c.Opnum <= s.to {
				return true
			}
		}
		return false
	}, nil
}

// dceRPC is the table of DCE/RPC over TCP and UDP.
func dceRPC() Protocol {
	return Protocol{App: flow.AppDCERPC, Buffers: rpcBuffers(), Tests: rpcTests(), Events: dcerpc.Anomalies}
}
