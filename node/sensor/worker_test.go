package sensor

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fengsui/analyze/alert"
	"fengsui/capture/evidence"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/pipeline"
	"fengsui/capture/proto"
	"fengsui/capture/source"
	"fengsui/capture/stream"
	"fengsui/capture/zone"
	"fengsui/node/sensor/governor"
)

// seer notes what the judge is shown, and raises an alert on each payload that says attack.
type seer struct {
	emit     func(*alert.Alert)
	payload  map[uint16]int // bytes shown, by source port
	packets  int
	streamed int
}

func (j *seer) Packet(p *packet.Packet, f *flow.Flow, _ flow.Direction) {
	j.packets++
	j.payload[p.SrcPort] += len(p.Payload)
	if strings.HasPrefix(string(p.Payload), "attack") {
		j.emit(&alert.Alert{
			ID: alert.NewID(p.Time), Time: p.Time, Detector: alert.Signature, GID: 1, SID: 7, Rev: 2, Msg: "an attack", Proto: "UDP", FlowID: f.ID,
			Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort), Metadata: map[string][]string{"of": {"the rule"}},
		})
	}
}

func (j *seer) Stream(_ *packet.Packet, _ *flow.Flow, _ flow.Direction, c *stream.Chunk) {
	j.streamed += len(c.Data)
}
func (*seer) Transaction(*packet.Packet, *flow.Flow, flow.Direction, proto.Transaction) {}
func (*seer) FlowEnd(*flow.Flow)                                                        {}

// loaded is a governor at a level, brought there by readings.
func loaded(t *testing.T, level int) *governor.Governor {
	t.Helper()
	now, used := time.Unix(1, 0), time.Duration(0)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	g := governor.New(governor.Config{
		Limits: governor.Limits{CPU: 10},
		Read:   func() (governor.Reading, error) { return governor.Reading{CPU: used, Processors: 1}, nil },
		Clock: governor.Clock{Now: func() time.Time { return now }, Sleep: func(_ context.Context, d time.Duration) {
			now, used = now.Add(d), used+d
			if n++; n > 2*level {
				cancel()
			}
		}},
	})
	if err := g.Run(ctx); err != nil || g.Level() != level {
		t.Fatalf("%v, level %d, want %d", err, g.Level(), level)
	}
	return g
}

func single(cfg Config, alerts *[]*alert.Alert) (*worker, *seer, *Sensor) {
	s := &Sensor{cfg: cfg, workers: map[*worker]bool{}}
	j := &seer{payload: map[uint16]int{}}
	s.cfg.Inspector = func(emit func(*alert.Alert)) pipeline.Inspector { j.emit = emit; return j }
	w := s.newWorker(&outlet{})
	// The outlet folds and encodes; here the alerts themselves are wanted.
	g := &guard{zones: cfg.Zones, rec: w.rec, judge: j, raise: func(a *alert.Alert) { *alerts = append(*alerts, a) }}
	j.emit = g.alert
	list := []pipeline.Inspector{g}
	if w.rec != nil {
		list = []pipeline.Inspector{w.rec, g}
	}
	pcfg := cfg.Pipeline
	if cfg.Governor != nil {
		pcfg.Load = cfg.Governor
	}
	w.pipe = pipeline.New(pcfg, list, nil)
	return w, j, s
}

func sendUDP(w *worker, n int, src, dst string, payload string) {
	a, b := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	frame := packettest.Ethernet(0x0800, packettest.IP(a.Addr(), b.Addr(), 17, packettest.UDP(a, b, []byte(payload))))
	w.frame(&source.Frame{Time: time.Unix(1_700_000_000, int64(n)*1000), Data: frame, OrigLen: len(frame), Link: packet.LinkEthernet})
}

// TestLoadReachesTheWorkers: the governor's level makes workers shed, and what they shed is counted while they run and after.
func TestLoadReachesTheWorkers(t *testing.T) {
	if governor.LevelMax != pipeline.LevelMax {
		t.Fatalf("the governor knows %d levels, the pipeline %d", governor.LevelMax, pipeline.LevelMax)
	}
	kib := strings.Repeat("x", 1024)
	for _, level := range []int{0, 4, governor.LevelMax} {
		var alerts []*alert.Alert
		w, j, s := single(Config{Governor: loaded(t, level)}, &alerts)
		for i := range 200 {
			sendUDP(w, i, "10.0.0.1:1000", "10.0.0.2:2000", kib)
		}
		w.pipe.Flush()
		st, shed := s.Load()
		if st.Level != level || (level > 0) != (shed.CutBytes+shed.FlowBytes > 50<<10) || (level == 0) != (j.packets == 200 && shed.Flows == 0 && shed.Cuts == 0) && level == governor.LevelMax {
			t.Errorf("level %d: %+v, %+v, %d packets shown", level, st, shed, j.packets)
		}
		s.retire(w)
		s.retire(w)
		if _, after := s.Load(); after.CutBytes != shed.CutBytes || after.FlowBytes != shed.FlowBytes || after.Level != 0 {
			t.Errorf("level %d: after its end %+v, before %+v", level, after, shed)
		}
	}
}

// TestAlertsAreCompleted: zones and evidence come with the alert, and the rule's own metadata stays as it was.
func TestAlertsAreCompleted(t *testing.T) {
	zones, err := zone.New([]zone.Zone{
		{Name: "office", Kind: zone.InVPC, Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}},
		{Name: "admin", Kind: zone.Management, Networks: []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := evidence.NewStore(evidence.StoreConfig{Dir: filepath.Join(t.TempDir(), "evidence")})
	if err != nil {
		t.Fatal(err)
	}
	var alerts []*alert.Alert
	w, _, s := single(Config{Zones: zones, Evidence: store}, &alerts)
	sendUDP(w, 0, "10.0.0.1:1000", "10.0.1.2:2000", "hello")
	sendUDP(w, 1, "10.0.0.1:1000", "10.0.1.2:2000", "attack")
	sendUDP(w, 2, "10.0.1.2:2000", "10.0.0.1:1000", "answer")
	sendUDP(w, 3, "10.0.0.1:1000", "8.8.8.8:53", "attack")
	w.pipe.Flush()
	s.retire(w)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"admin management north-south internal the rule", " boundary north-south outbound the rule",
	}
	for i, a := range alerts {
		var got []string
		for _, k := range []string{"destination_zone", "zone_class", "zone_direction", "network_direction", "of"} {
			got = append(got, strings.Join(a.Metadata[k], "+"))
		}
		if text := strings.Join(got, " "); text != want[i] || a.Metadata["source_zone"][0] != "office" {
			t.Errorf("alert %d: %q, want %q: %v", i, text, want[i], a.Metadata)
		}
		if name := a.Metadata["evidence"]; len(name) != 1 || name[0] != evidence.Name(a.ID) {
			t.Errorf("alert %d: evidence %v", i, name)
		}
	}
	if st, ok := s.Evidence(); !ok || st.Files != 2 || len(alerts) != 2 {
		t.Errorf("%d alerts, %+v", len(alerts), st)
	}
	n := 0
	src := source.PcapFile(filepath.Join(store.Dir(), alerts[0].Metadata["evidence"][0]), source.FileOptions{})
	if err := src.Run(t.Context(), func(*source.Frame) error { n++; return nil }); err != nil || n != 3 {
		t.Errorf("%v, %d packets", err, n)
	}
}
