package sample

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fengsui/node/detect"
)

// TestRulesGiveExactlyTheManifestsAlerts runs the shipped rules over the shipped capture: what each rule must say is known from
// how the traffic was made (traffic.py), not from what the detector said once.
func TestRulesGiveExactlyTheManifestsAlerts(t *testing.T) {
	text, err := os.ReadFile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Packets int
		Alerts  map[string]int
		Pairs   int
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"county.pcap.gz": Capture(), "demo.rules": Rules()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	code := detect.Run(t.Context(), []string{"--rules", filepath.Join(dir, "demo.rules"), "--pcap", filepath.Join(dir, "county.pcap.gz"), "--json"}, &out, &errs)
	if code != 0 || !strings.Contains(errs.String(), fmt.Sprintf("packets %d", want.Packets)) || !strings.Contains(errs.String(), "15 loaded 0 refused") {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	got, pairs := map[string]int{}, map[string]bool{}
	for s := bufio.NewScanner(&out); s.Scan(); {
		var a struct {
			Src   string `json:"src_ip"`
			Dest  string `json:"dest_ip"`
			Alert struct {
				SID int64 `json:"signature_id"`
			}
		}
		if err := json.Unmarshal(s.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, s.Text())
		}
		sid := fmt.Sprint(a.Alert.SID)
		got[sid]++
		pairs[sid+a.Src+a.Dest] = true
	}
	if !maps.Equal(got, want.Alerts) {
		t.Errorf("got  %v\nwant %v", got, want.Alerts)
	}
	if len(pairs) != want.Pairs || len(pairs) < 300 {
		t.Errorf("%d distinct (rule, source, destination), want %d", len(pairs), want.Pairs)
	}
}

func TestSampleIsSmallAndOurs(t *testing.T) {
	if n := len(Capture()); n > 600<<10 {
		t.Errorf("the capture is %d bytes", n)
	}
	for _, line := range strings.Split(string(BlockList())+string(Indicators()), "\n") {
		entry, indicator, _ := strings.Cut(strings.TrimSpace(line), " ")
		if entry == "" || entry == "#" {
			continue
		}
		if indicator = strings.TrimSpace(indicator); indicator != "" {
			entry, _, _ = strings.Cut(indicator, " ")
		}
		documentation := strings.HasPrefix(entry, "198.51.100.") || strings.HasPrefix(entry, "203.0.113.") || strings.HasPrefix(entry, "192.0.2.")
		if !documentation && !strings.HasSuffix(entry, ".example") {
			t.Errorf("%q is neither a documentation address nor a reserved name", entry)
		}
	}
}
