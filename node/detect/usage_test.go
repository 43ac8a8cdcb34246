package detect

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// TestEveryOptionIsDocumented holds usage text and docs/detect.md to the flags there are.
func TestEveryOptionIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/detect.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), strings.TrimSpace(usage)) {
		t.Error("docs/detect.md does not show the usage text as it is printed")
	}
	s := &settings{vars: pairs{}}
	var x raw
	n := 0
	s.flags(&x).VisitAll(func(f *flag.Flag) {
		n++
		if !strings.Contains(usage, "  --"+f.Name+" ") && !strings.Contains(usage, "  --"+f.Name+"=") && !strings.Contains(usage, "  --"+f.Name+"\n") {
			t.Errorf("--%s is not in the usage text", f.Name)
		}
	})
	if n < 20 {
		t.Errorf("%d flags", n)
	}
}
