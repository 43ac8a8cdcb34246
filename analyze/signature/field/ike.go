package field

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	k "fengsui/capture/proto/ike"
)

// ikeAttributes are the names ike.chosen_sa_attribute takes. Never written.
var ikeAttributes = []string{
	"alg_enc", "alg_hash", "alg_auth", "alg_dh", "alg_prf", "sa_group_type", "sa_life_type", "sa_life_duration", "sa_key_length", "sa_field_size",
}

func ikeTx(v *View) *k.Transaction {
	t, ok := v.Tx.(*k.Transaction)
	if !ok || t.Major == 0 || t.Only != v.Dir {
		return nil
	}
	return t
}

// ikeChosen reads name=number.
func ikeChosen(value string) (func(v *View) bool, error) {
	name, text, ok := strings.Cut(value, "=")
	name = strings.ToLower(strings.TrimSpace(name))
	if !ok || !slices.Contains(ikeAttributes, name) {
		return nil, fmt.Errorf("want attribute=number, the attribute one of %s, not %q", strings.Join(ikeAttributes, " "), value)
	}
	want, err := strconv.ParseUint(strings.TrimSpace(text), 0, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", text)
	}
	return func(v *View) bool {
		t := ikeTx(v)
		return t != nil && slices.Contains(t.Chosen(), k.Attribute{Name: name, Value: uint32(want)})
	}, nil
}

func ike() Protocol {
	one := func(name string, dirs Dirs, get func(t *k.Transaction) []byte) Buffer {
		return Buffer{Names: []string{name}, Dirs: dirs, Need: After(k.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t := ikeTx(v)
			if t == nil || i > 0 {
				return nil, false
			}
			b := get(t)
			return b, b != nil
		}}
	}
	number := func(name string, limit uint64, get func(t *k.Transaction) (int, bool)) Number {
		return Number{Names: []string{name}, Dirs: Both, Need: After(k.Done), Max: limit, Get: func(v *View, i int) (uint64, bool) {
			t := ikeTx(v)
			if t == nil || i > 0 {
				return 0, false
			}
			n, ok := get(t)
			return uint64(n), ok
		}}
	}
	return Protocol{
		App: flow.AppIKE,
		Buffers: []Buffer{
			one("ike.init_spi", ToServer, func(t *k.Transaction) []byte { return []byte(t.InitiatorSPI()) }),
			one("ike.resp_spi", ToClient, func(t *k.Transaction) []byte { return []byte(t.ResponderSPI()) }),
			one("ike.key_exchange_payload", Both, func(t *k.Transaction) []byte { return t.Key }),
			one("ike.nonce_payload", Both, func(t *k.Transaction) []byte { return t.Nonce }),
			{Names: []string{"ike.vendor"}, Dirs: ToServer, Need: After(k.Done), Multi: true, Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
				t := ikeTx(v)
				if t == nil || i >= len(t.Vendors) {
					return nil, false
				}
				return hex.AppendEncode(scratch, t.Vendors[i]), true
			}},
		},
		Numbers: []Number{
			number("ike.exchtype", 255, func(t *k.Transaction) (int, bool) { return int(t.Exchange), true }),
			number("ike.key_exchange_payload_length", math.MaxUint32, func(t *k.Transaction) (int, bool) { return t.KeyBytes, t.Key != nil }),
			number("ike.nonce_payload_length", math.MaxUint32, func(t *k.Transaction) (int, bool) { return t.NonceBytes, t.Nonce != nil }),
		},
		Tests:  []Test{{Names: []string{"ike.chosen_sa_attribute"}, Dirs: ToClient, Need: After(k.Done), Value: ValueNeeded, Parse: ikeChosen}},
		Events: k.Anomalies,
	}
}
