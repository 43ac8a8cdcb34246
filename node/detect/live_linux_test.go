package detect

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fengsui/capture/source"
)

// TestLive listens on the loopback interface while datagrams pass, reads EVE as it is written, and ends as Ctrl-C ends it.
func TestLive(t *testing.T) {
	if err := source.CheckInterface("lo"); err != nil {
		if errors.Is(err, source.ErrRights) && os.Getenv("CI") == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // a test's socket
	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // a test's socket
	_, port, _ := net.SplitHostPort(server.LocalAddr().String())
	eveFile := filepath.Join(t.TempDir(), "eve.json")
	rules := write(t, "a.rules", `alert udp any any -> any `+port+` (msg:"live"; content:"fengsui"; sid:1;)`)
	ctx, interrupt := context.WithCancel(t.Context())
	var out, log lines
	code := -1
	var group sync.WaitGroup
	group.Go(func() {
		code = Run(ctx, []string{"--rules", rules, "--interface", "lo", "--filter", "udp port " + port, "--eve", eveFile}, &out, &log)
	})
	waitLine(t, &log, "listening on lo")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	seen := func() bool {
		text, _ := os.ReadFile(eveFile) // not there yet: nothing seen
		return strings.Contains(string(text), `"event_type":"alert"`) && strings.Contains(string(text), `"in_iface":"lo"`)
	}
	for n := 0; !seen(); n++ {
		if n == 1000 {
			t.Fatalf("nothing is seen: %s", log.String())
		}
		if _, err := client.Write([]byte("fengsui")); err != nil {
			t.Fatal(err)
		}
		<-tick.C
	}
	interrupt()
	group.Wait()
	text, err := os.ReadFile(eveFile)
	if err != nil {
		t.Fatal(err)
	}
	got := eveRecords(t, string(text))
	if code != 0 || !strings.Contains(out.String(), "[1:1:0] live") || len(got["flow"]) != 1 || len(got["stats"]) != 1 || !strings.Contains(log.String(), "rules that alerted: 1") {
		t.Errorf("exit %d, %q, %q, %d flows", code, out.String(), log.String(), len(got["flow"]))
	}
}
