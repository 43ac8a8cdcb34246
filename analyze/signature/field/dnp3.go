package field

import (
	"fmt"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	dnp3proto "fengsui/capture/proto/dnp3"
)

// dnp3Side is the fragment of the side looked at.
func dnp3Side(v *View) *dnp3proto.Fragment { return &v.Tx.(*dnp3proto.Transaction).Side[v.Dir] }

// parseDNP3Indications reads dnp3_ind:name[,name…]: any of these internal indications.
func parseDNP3Indications(value string) (func(v *View) bool, error) {
	var want uint16
	for _, name := range strings.Split(value, ",") {
		bit, ok := dnp3proto.Indication(strings.TrimSpace(name))
		if !ok {
			return nil, fmt.Errorf("%q is no internal indication", strings.TrimSpace(name))
		}
		want |= bit
	}
	return func(v *View) bool { f := dnp3Side(v); return f.Seen && f.Indications&want != 0 }, nil
}

// parseDNP3Object reads dnp3_obj:group,variation.
func parseDNP3Object(value string) (func(v *View) bool, error) {
	group, variation, ok := strings.Cut(value, ",")
	g, err := strconv.ParseUint(strings.TrimSpace(group), 10, 8)
	if !ok || err != nil {
		return nil, fmt.Errorf("want group,variation, both 0 to 255")
	}
	n, err := strconv.ParseUint(strings.TrimSpace(variation), 10, 8)
	if err != nil {
		return nil, fmt.Errorf("variation %q is not 0 to 255", strings.TrimSpace(variation))
	}
	want := dnp3proto.Object{Group: uint8(g), Variation: uint8(n)}
	return func(v *View) bool {
		for _, o := range dnp3Side(v).Objects {
			if o == want {
				return true
			}
		}
		return false
	}, nil
}

func dnp3() Protocol {
	words := map[string]uint64{}
	dnp3proto.Functions(func(name string, code uint8) { words[name] = uint64(code) })
	need := After(dnp3proto.Done)
	return Protocol{
		App: flow.AppDNP3,
		Buffers: []Buffer{{
			Names: []string{"dnp3.data", "dnp3_data"}, Dirs: Both, Need: need,
			Get: func(v *View, i int, _ []byte) ([]byte, bool) { f := dnp3Side(v); return f.Data, i == 0 && f.Seen },
		}},
		Numbers: []Number{{
			Names: []string{"dnp3_func", "dnp3.func"}, Dirs: Both, Need: need, Max: 255, Words: words,
			Get: func(v *View, i int) (uint64, bool) { f := dnp3Side(v); return uint64(f.Function), i == 0 && f.Seen },
		}},
		Tests: []Test{
			{Names: []string{"dnp3_ind", "dnp3.ind"}, Dirs: ToClient, Need: need, Value: ValueNeeded, Parse: parseDNP3Indications},
			{Names: []string{"dnp3_obj", "dnp3.obj"}, Dirs: Both, Need: need, Value: ValueNeeded, Parse: parseDNP3Object},
		},
		Events: dnp3proto.Anomalies,
	}
}
