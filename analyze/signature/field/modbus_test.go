package field

import (
	"testing"

	modbusproto "fengsui/capture/proto/modbus"
)

func TestModbus(t *testing.T) {
	write := &modbusproto.Transaction{Unit: 10, RequestSeen: true, Request: modbusproto.Request{
		Function: modbusproto.WriteRegisters, Write: modbusproto.Range{Seen: true, Address: 500, Quantity: 3}, Values: []uint16{1, 250, 3},
	}}
	diagnose := &modbusproto.Transaction{Unit: 1, RequestSeen: true, Request: modbusproto.Request{Function: modbusproto.Diagnostics, Subfunction: 4, HasSub: true}}
	for _, x := range []struct {
		value           string
		write, diagnose bool
	}{
		{"function 16", true, false},
		{"function 8, subfunction 4", false, true},
		{"function 8, subfunction 5", false, false},
		{"function assigned", true, true},
		{"function !public", false, false},
		{"function user", false, false},
		{"unit 10", true, false},
		{"unit <10, function 8", false, true},
		{"access write", true, false},
		{"access read", false, false},
		{"access write holding, address 501, value >200", true, false},
		{"access write holding, address 500, value >200", false, false},
		{"access write holding, address 499<>501", true, false},
		{"access write coils", false, false},
	} {
		match, err := parseModbus(x.value)
		if err != nil {
			t.Errorf("%s: %v", x.value, err)
			continue
		}
		if got := match(&View{Tx: write}); got != x.write {
			t.Errorf("%s on a write: %v", x.value, got)
		}
		if got := match(&View{Tx: diagnose}); got != x.diagnose {
			t.Errorf("%s on diagnostics: %v", x.value, got)
		}
	}
	for _, bad := range []string{"", "function", "function 300", "function spare", "access walk", "access write input", "address 5", "access read, address 5, value 1", "subfunction 4", "colour red"} {
		if _, err := parseModbus(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
