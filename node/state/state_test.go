package state

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"fengsui/federation/fsm"
)

// TestNumbersNeverChange compares the list with testdata/kinds.golden. A new kind is added to both; a line that changes is a format break.
func TestNumbersNeverChange(t *testing.T) {
	var b strings.Builder
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "%d %s since %s\n", k.Number, k.Name, k.Since)
	}
	golden, err := os.ReadFile("testdata/kinds.golden")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(golden) {
		t.Errorf("the list of kinds differs from testdata/kinds.golden:\n%s", b.String())
	}
}

func TestEveryKindHasATableAndEveryTableItsKinds(t *testing.T) {
	var listed []fsm.Kind
	for i, k := range Kinds() {
		if i > 0 && k.Number <= Kinds()[i-1].Number {
			t.Errorf("kind %d stands out of order", k.Number)
		}
		listed = append(listed, fsm.Kind(k.Number))
	}
	var owned []fsm.Kind
	for _, s := range Tables() {
		owned = append(owned, s.Kinds...)
	}
	slices.Sort(owned)
	if !slices.Equal(listed, owned) {
		t.Errorf("listed %v, owned by tables %v", listed, owned)
	}
	f, err := fsm.Open(t.TempDir(), Tables())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
