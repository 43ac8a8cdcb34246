package sensor

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fengsui/analyze/alert"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/pipeline"
	"fengsui/capture/proto"
	"fengsui/capture/source"
	"fengsui/capture/stream"
	"fengsui/cascade/wire"
	"fengsui/node/api"
	"fengsui/node/intake"
)

// tape is a source of n frames; with hold it then waits for ctx.
type tape struct {
	n     int
	hold  bool
	fail  error
	count atomic.Uint64
}

func (f *tape) Run(ctx context.Context, emit func(*source.Frame) error) error {
	for i := range f.n {
		if ctx.Err() != nil {
			return nil
		}
		f.count.Add(1)
		if err := emit(&source.Frame{Time: time.Unix(int64(i), 0), Data: []byte{1}, OrigLen: 1}); err != nil {
			return err
		}
	}
	if f.hold {
		if err := emit(&source.Frame{Time: time.Unix(1<<20, 0)}); err != nil { // nothing arrived: the clock moves
			return err
		}
		<-ctx.Done()
	}
	return f.fail
}
func (f *tape) Counters() source.Counters { return source.Counters{Frames: f.count.Load()} }

// every raises one alert a packet.
type every struct{ emit func(*alert.Alert) }

func (e every) Packet(p *packet.Packet, _ *flow.Flow, _ flow.Direction) {
	src, dst := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2")
	e.emit(&alert.Alert{ID: alert.NewID(p.Time), Time: p.Time, Detector: alert.Signature, SID: 7, Msg: "x", Src: src, Dst: dst})
}
func (every) Stream(*packet.Packet, *flow.Flow, flow.Direction, *stream.Chunk)          {}
func (every) Transaction(*packet.Packet, *flow.Flow, flow.Direction, proto.Transaction) {}
func (every) FlowEnd(*flow.Flow)                                                        {}

type bench struct {
	sensor *Sensor
	in     *intake.Intake
	mu     sync.Mutex
	ids    map[string]int
	files  map[string]func() *tape
	stop   func()
}

// start runs a sensor and an intake over fake sources.
func start(t *testing.T, window time.Duration, sources []Source, files map[string]func() *tape) *bench {
	t.Helper()
	b := &bench{ids: map[string]int{}, files: files}
	var err error
	b.in, err = intake.New(intake.Config{Queue: 4, Permanent: func(error) bool { return false }, Append: func(_ context.Context, rs []*wire.Record) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, r := range rs {
			b.ids[string(r.Id)]++
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string) (source.Source, error) {
		f := b.files[filepath.Base(name)]
		if f == nil {
			return nil, errors.New("not a capture")
		}
		return f(), nil
	}
	b.sensor, err = New(Config{
		Site: "440106", Node: "n1", Intake: b.in, FoldWindow: window, Sources: sources,
		Inspector: func(emit func(*alert.Alert)) pipeline.Inspector { return every{emit} },
		OpenFile:  func(c Source, _ bool) (source.Source, error) { return open(c.Path) },
		OpenInterface: func(c Source) ([]source.Source, error) {
			s, err := open(c.Interface)
			return []source.Source{s}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	inCtx, inCancel := context.WithCancel(context.Background())
	done, inDone := make(chan error, 1), make(chan error, 1)
	go func() { done <- b.sensor.Run(ctx) }()
	go func() { inDone <- b.in.Run(inCtx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = b.in.Drain(context.Background())
		inCancel()
		<-inDone
	})
	t.Cleanup(b.stop)
	return b
}

// startReplay tries until Run has begun.
func startReplay(t *testing.T, b *bench, r api.ReplayRequest) api.Replay {
	t.Helper()
	for {
		j, err := b.sensor.Start(t.Context(), r)
		if api.CodeOf(err) == api.CodeUnavailable {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
}

func file(t *testing.T, name string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReplaysCountSeparatelyAndWaitForTheLedger(t *testing.T) {
	b := start(t, time.Hour, nil, map[string]func() *tape{"a": func() *tape { return &tape{n: 100} }})
	path := file(t, "a")
	for range 2 {
		j := startReplay(t, b, api.ReplayRequest{Path: path})
		got, err := b.sensor.Wait(t.Context(), j.ID)
		if err != nil {
			t.Fatal(err)
		}
		// the first alert at once, the other 99 as one tally
		if got.State != "done" || got.Packets != 100 || got.Raised != 100 || got.Alerts != 2 || got.Committed != 2 {
			t.Errorf("%+v", got)
		}
	}
	list, err := b.sensor.Replays(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "r2" {
		t.Errorf("%+v, %v", list, err)
	}
	b.stop()
	if b.count() != 4 {
		t.Errorf("%d records", b.count())
	}
	if _, err := b.sensor.Start(t.Context(), api.ReplayRequest{Path: path}); api.CodeOf(err) != api.CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
}

func TestReplayBackPressureLosesNothing(t *testing.T) {
	b := start(t, 0, nil, map[string]func() *tape{"a": func() *tape { return &tape{n: 5000} }})
	j := startReplay(t, b, api.ReplayRequest{Path: file(t, "a")})
	got, err := b.sensor.Wait(t.Context(), j.ID)
	if err != nil || got.Alerts != 5000 || got.Committed != 5000 || b.count() != 5000 || b.in.Stats().Shed != 0 {
		t.Errorf("%+v, %v, %+v", got, err, b.in.Stats())
	}
}

func TestReplayCancelAndRefusals(t *testing.T) {
	b := start(t, 0, nil, map[string]func() *tape{"hold": func() *tape { return &tape{n: 1, hold: true} }, "bad": func() *tape { return &tape{fail: errors.New("cut short")} }})
	hold := file(t, "hold")
	j := startReplay(t, b, api.ReplayRequest{Path: hold})
	got, err := b.sensor.Cancel(t.Context(), j.ID)
	if err != nil || got.State != "cancelled" {
		t.Errorf("%+v, %v", got, err)
	}
	bad := startReplay(t, b, api.ReplayRequest{Path: file(t, "bad")})
	if got, err := b.sensor.Wait(t.Context(), bad.ID); err != nil || got.State != "failed" || got.Error != "cut short" {
		t.Errorf("%+v, %v", got, err)
	}
	try := func(path string, want api.Code) {
		t.Helper()
		if _, err := b.sensor.Start(t.Context(), api.ReplayRequest{Path: path}); api.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	try("/no/such/file", api.CodeNotFound)
	try(t.TempDir(), api.CodeRefused) // a directory is read like a file; this one holds no capture
	try(file(t, "garbage"), api.CodeRefused)
	if _, err := b.sensor.Wait(t.Context(), "r99"); api.CodeOf(err) != api.CodeNotFound {
		t.Error(err)
	}
	for range replaysAtOnce {
		startReplay(t, b, api.ReplayRequest{Path: hold})
	}
	try(hold, api.CodeBusy)
}

func TestConfiguredSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		b := start(t, time.Minute, []Source{{Name: "f", Path: "/x/file"}, {Name: "i", Interface: "eth0"}, {Name: "none", Path: "/x/none"}}, map[string]func() *tape{
			"file": func() *tape { return &tape{n: 10} },
			"eth0": func() *tape {
				if tries++; tries < 3 {
					return &tape{n: 1, fail: errors.New("network is down")}
				}
				return &tape{n: 3, hold: true}
			},
		})
		<-time.After(10 * time.Second)
		st := b.sensor.Sources()
		if st[0].State != "done" || st[0].Packets != 10 || st[1].State != "running" || st[1].Packets != 5 || st[2].State != "failed" || st[2].Error != "not a capture" {
			t.Errorf("%+v", st)
		}
		if n := b.count(); n != 2+1+1+2 {
			t.Errorf("%d records", n)
		}
		b.stop()
		if st := b.sensor.Sources(); st[1].State != "stopped" {
			t.Errorf("%+v", st)
		}
	})
}

func (b *bench) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ids)
}
