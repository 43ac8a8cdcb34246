package field

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	nfsproto "fengsui/capture/proto/nfs"
)

// nfs is the table of NFS.
func nfs() Protocol {
	return Protocol{
		App: flow.AppNFS, Files: Both, Events: nfsproto.Anomalies,
		Numbers: []Number{{
			Names: []string{"nfs.version", "nfs_version"}, Dirs: Both, Need: After(nfsproto.Begun), Max: 1<<32 - 1,
			Get: func(v *View, i int) (uint64, bool) {
				t, ok := v.Tx.(*nfsproto.Transaction)
				if !ok || i > 0 || t.Version == 0 {
					return 0, false
				}
				return uint64(t.Version), true
			},
		}},
		Tests: []Test{{
			Names: []string{"nfs_procedure", "nfs.procedure"}, Dirs: Both, Need: After(nfsproto.Begun), Value: ValueNeeded, Parse: parseNFSProcedure,
		}},
	}
}

// parseNFSProcedure reads a name, or a number with an operator or a range whose ends belong to it.
func parseNFSProcedure(value string) (func(v *View) bool, error) {
	value = strings.ToLower(strings.TrimSpace(value))
	if old, four, hasOld, hasFour := nfsproto.Procedure(value); hasOld || hasFour {
		return eachProcedure(func(version, n uint32) bool {
			if version >= 4 {
				return hasFour && n == four
			}
			return hasOld && n == old
		}), nil
	}
	for _, operator := range []string{"<>", "-"} {
		low, high, ranged := strings.Cut(value, operator)
		if !ranged || strings.TrimSpace(low) == "" {
			continue
		}
		from, err1 := strconv.ParseUint(strings.TrimSpace(low), 0, 32)
		to, err2 := strconv.ParseUint(strings.TrimSpace(high), 0, 32)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%q is no range of procedures", value)
		}
		if from >= to {
			return nil, errors.New("range of procedures ends before it begins")
		}
		return eachProcedure(func(_, n uint32) bool { return uint64(n) >= from && uint64(n) <= to }), nil
	}
	operator := ""
	for _, o := range []string{">=", "<=", ">", "<", "!", "="} {
		if rest, ok := strings.CutPrefix(value, o); ok {
			operator, value = o, strings.TrimSpace(rest)
			break
		}
	}
	want, err := strconv.ParseUint(value, 0, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is neither number nor name of a procedure", value)
	}
	return eachProcedure(func(_, n uint32) bool {
		switch m := uint64(n); operator {
		case ">=":
			return m >= want
		case "<=":
			return m <= want
		case ">":
			return m > want
		case "<":
			return m < want
		case "!":
			return m != want
		default:
			return m == want
		}
	}), nil
}

// eachProcedure holds when one of a transaction's procedures does.
func eachProcedure(holds func(version, n uint32) bool) func(v *View) bool {
	return func(v *View) bool {
		t, ok := v.Tx.(*nfsproto.Transaction)
		if !ok {
			return false
		}
		for _, n := range t.Operations {
			if holds(t.Version, n) {
				return true
			}
		}
		return false
	}
}
