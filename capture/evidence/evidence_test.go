package evidence

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/pipeline"
	"fengsui/capture/proto"
	"fengsui/capture/source"
	"fengsui/capture/stream"
)

var _ pipeline.Inspector = (*Recorder)(nil)

var (
	client = netip.MustParseAddrPort("10.0.0.1:4000")
	server = netip.MustParseAddrPort("10.0.0.2:9999")
	other  = netip.MustParseAddrPort("10.0.0.3:53")
	start  = time.Date(2026, 3, 1, 8, 0, 0, 123456789, time.UTC)
)

// judge raises an alert on every packet whose payload begins with "attack".
type judge struct {
	rec   *Recorder
	names []string
	rule  uint64
	n     byte
}

func (j *judge) Packet(p *packet.Packet, f *flow.Flow, _ flow.Direction) {
	if f != nil && bytes.HasPrefix(p.Payload, []byte("attack")) {
		j.n++
		j.names = append(j.names, j.rec.Cut(Request{ID: [16]byte{1, 15: j.n}, Rule: j.rule, FlowID: f.ID, Time: p.Time, Comment: "alert " + string(p.Payload)}))
	}
}
func (j *judge) Stream(*packet.Packet, *flow.Flow, flow.Direction, *stream.Chunk)          {}
func (j *judge) Transaction(*packet.Packet, *flow.Flow, flow.Direction, proto.Transaction) {}
func (j *judge) FlowEnd(*flow.Flow)                                                        {}

func datagram(from, to netip.AddrPort, payload string) []byte {
	return packettest.IP(from.Addr(), to.Addr(), 17, packettest.UDP(from, to, []byte(payload)))
}

type world struct {
	t     *testing.T
	store *Store
	judge *judge
	pipe  *pipeline.Pipeline
	now   time.Time
	n     uint64
}

func newWorld(t *testing.T, cfg StoreConfig) *world {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "evidence")
	}
	s, err := NewStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rec := s.NewRecorder()
	w := &world{t: t, store: s, judge: &judge{rec: rec}, now: start}
	w.pipe = pipeline.New(pipeline.Config{}, []pipeline.Inspector{rec, w.judge}, nil)
	return w
}

func (w *world) send(frame []byte) {
	w.n++
	f := source.Frame{Time: w.now, Data: frame, OrigLen: len(frame), Link: packet.LinkEthernet, Iface: "eth1", Number: w.n}
	w.judge.rec.Frame(&f)
	w.pipe.Frame(&f)
	w.now = w.now.Add(time.Millisecond)
}

func (w *world) ip(b []byte) { w.send(packettest.Ethernet(0x0800, b)) }

func (w *world) end() {
	w.pipe.Flush()
	w.judge.rec.Close()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

// read returns the frames of a file.
func (w *world) read(name string) (out []source.Frame) {
	w.t.Helper()
	src := source.PcapFile(filepath.Join(w.store.Dir(), name), source.FileOptions{})
	if err := src.Run(context.Background(), func(f *source.Frame) error {
		c := *f
		c.Data = bytes.Clone(f.Data)
		out = append(out, c)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	if src.Counters().Invalid+src.Counters().Truncated > 0 {
		w.t.Errorf("%s: %+v", name, src.Counters())
	}
	return out
}

func payloads(frames []source.Frame) (out []string) {
	for _, f := range frames {
		out = append(out, string(f.Data[42:]))
	}
	return out
}

// TestCutHoldsTheFlow: what came before and after, of this flow and no other, in both directions, with times and lengths.
func TestCutHoldsTheFlow(t *testing.T) {
	w := newWorld(t, StoreConfig{})
	for range 5 {
		w.ip(datagram(client, server, "before"))
		w.ip(datagram(client, other, "elsewhere"))
	}
	w.ip(datagram(client, server, "attack 1"))
	w.ip(datagram(other, client, "elsewhere"))
	w.ip(datagram(server, client, "answer"))
	w.end()
	frames := w.read(w.judge.names[0])
	if got, want := strings.Join(payloads(frames), " "), "before before before before before attack 1 answer"; got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
	if f := frames[5]; !f.Time.Equal(start.Add(10*time.Millisecond)) || f.Iface != "eth1" || f.OrigLen != len(f.Data) {
		t.Errorf("the alert's frame: %+v", f)
	}
	if st := w.store.Stats(); st.Cuts != 1 || st.Written != 1 || st.Files != 1 || st.Frames != 13 || st.Lost+st.Failed+st.Refused != 0 || st.Bytes == 0 {
		t.Errorf("%+v", st)
	}
}

// TestTsharkReadsIt asks tshark for what we wrote.
func TestTsharkReadsIt(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("tshark is not installed: make debian")
	}
	w := newWorld(t, StoreConfig{})
	w.judge.rule = 7
	w.ip(datagram(client, server, "before"))
	w.ip(datagram(client, server, "attack 烽燧"))
	w.ip(datagram(server, client, "attack twice"))
	w.end()
	path := filepath.Join(w.store.Dir(), w.judge.names[0])
	out, err := exec.Command("tshark", "-r", path, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.comment", "-e", "udp.length", "-e", "frame.interface_name").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "eth1") { // not what it says about running as root
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "1772352000.123456789\t\t14") || !strings.Contains(lines[1], "alert attack 烽燧") || strings.Contains(lines[2], "alert") {
		t.Errorf("tshark reads:\n%s", out)
	}
	section, err := exec.Command("capinfos", "-k", path).CombinedOutput()
	if err == nil && (!strings.Contains(string(section), "alert attack 烽燧") || !strings.Contains(string(section), "alert attack twice")) {
		t.Errorf("capinfos reads:\n%s", section)
	}
	if w.judge.names[1] != w.judge.names[0] || w.store.Stats().Joined != 1 {
		t.Errorf("the second alert of the rule has the file %s: %+v", w.judge.names[1], w.store.Stats())
	}
}

// TestLimitsOfACut: packets and bytes before, in all, and time.
func TestLimitsOfACut(t *testing.T) {
	w := newWorld(t, StoreConfig{Limits: Limits{BeforePackets: 3, Packets: 6, After: time.Second}})
	for range 9 {
		w.ip(datagram(client, server, "before"))
	}
	w.ip(datagram(client, server, "attack"))
	for range 9 {
		w.ip(datagram(client, server, "after"))
	}
	w.ip(datagram(client, other, "attack"))
	w.now = w.now.Add(2 * time.Second)
	w.ip(datagram(client, other, "late"))
	w.end()
	if got, want := strings.Join(payloads(w.read(w.judge.names[0])), " "), "before before attack after after after"; got != want {
		t.Errorf("by packets: %q", got)
	}
	if got := strings.Join(payloads(w.read(w.judge.names[1])), " "); got != "attack" {
		t.Errorf("by time: %q", got)
	}
	w = newWorld(t, StoreConfig{Limits: Limits{Bytes: 200, BeforeBytes: 100}})
	for range 9 {
		w.ip(datagram(client, server, "before")) // 48 bytes each
	}
	w.ip(datagram(client, server, "attack"))
	for range 9 {
		w.ip(datagram(client, server, "after!"))
	}
	w.end()
	if got, want := strings.Join(payloads(w.read(w.judge.names[0])), " "), "before attack after! after!"; got != want {
		t.Errorf("by bytes: %q", got)
	}
}

// TestOpenCutsAreBounded: an alert beyond the limit gets no file, and is counted.
func TestOpenCutsAreBounded(t *testing.T) {
	w := newWorld(t, StoreConfig{Limits: Limits{Open: 4}})
	for i := range 10 {
		w.ip(datagram(netip.AddrPortFrom(client.Addr(), uint16(1000+i)), server, "attack"))
	}
	w.end()
	if st := w.store.Stats(); st.Cuts != 4 || st.Refused != 6 || st.Written != 4 || w.judge.names[9] != "" {
		t.Errorf("%+v, %q", st, w.judge.names)
	}
}

// TestSmallRing: a ring that turns many times gives what is left, and never foreign bytes.
func TestSmallRing(t *testing.T) {
	w := newWorld(t, StoreConfig{Limits: Limits{RingBytes: 1000}})
	for range 500 {
		w.ip(datagram(client, server, "before"))
		w.ip(datagram(client, other, "elsewhere and longer than that"))
	}
	w.ip(datagram(client, server, "attack"))
	w.end()
	got := payloads(w.read(w.judge.names[0]))
	if len(got) < 2 || len(got) > 12 {
		t.Errorf("%d frames: %q", len(got), got)
	}
	for i, p := range got {
		if p != "before" && (p != "attack" || i != len(got)-1) {
			t.Errorf("frame %d is %q", i, p)
		}
	}
}

// TestFragmentsAndTunnels: the frames on the wire are kept, whatever the alert's packet was inside.
func TestFragmentsAndTunnels(t *testing.T) {
	w := newWorld(t, StoreConfig{})
	whole := datagram(client, server, "attack in pieces, long enough for two of them")
	for i, piece := range [][]byte{whole[20:44], whole[44:]} {
		off := uint16(i * 3)
		if i == 0 {
			off |= 0x2000
		}
		w.ip(packettest.IP4{Src: client.Addr(), Dst: server.Addr(), Proto: 17, ID: 77, Frag: off}.Packet(piece))
		w.ip(packettest.IP4{Src: client.Addr(), Dst: server.Addr(), Proto: 17, ID: 78, Frag: 0x2000}.Packet(make([]byte, 8)))
	}
	inner := packettest.Ethernet(0x0800, datagram(client, other, "attack in a tunnel"))
	outer := datagram(netip.MustParseAddrPort("172.16.0.1:5555"), netip.MustParseAddrPort("172.16.0.2:4789"), "\x08\x00\x00\x00\x00\x00\x05\x00"+string(inner))
	w.ip(outer)
	w.end()
	if len(w.judge.names) != 2 {
		t.Fatalf("%d alerts", len(w.judge.names))
	}
	if got := w.read(w.judge.names[0]); len(got) != 2 || binary.BigEndian.Uint16(got[0].Data[18:]) != 77 || binary.BigEndian.Uint16(got[1].Data[18:]) != 77 {
		t.Errorf("of fragments: %+v", got)
	}
	if got := w.read(w.judge.names[1]); len(got) != 1 || !bytes.Equal(got[0].Data[14:], outer) {
		t.Errorf("of a tunnel: %+v", got)
	}
}

// TestStoreIsBounded: the oldest files go, also those of an earlier run; files of others and halves of writes do not count.
func TestStoreIsBounded(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		Name([16]byte{0, 1}): "old", Name([16]byte{0, 2}): "old", "notes.txt": "of a person", "." + Name([16]byte{9}) + ".123": "half", "deadbeef.pcapng": "of a person",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, StoreConfig{Dir: dir, FilesMax: 3})
	for i := range 4 {
		w.ip(datagram(netip.AddrPortFrom(client.Addr(), uint16(1000+i)), server, "attack"))
		w.pipe.Flush()
	}
	w.end()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{Name([16]byte{1, 15: 2}), Name([16]byte{1, 15: 3}), Name([16]byte{1, 15: 4}), "deadbeef.pcapng", "notes.txt"}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("the directory holds %q, want %q", names, want)
	}
	if st := w.store.Stats(); st.Removed != 3 || st.Files != 3 || st.Written != 4 {
		t.Errorf("%+v", st)
	}
	w = newWorld(t, StoreConfig{Dir: dir, BytesMax: 1})
	w.end()
	if st := w.store.Stats(); st.Files != 0 || st.Bytes != 0 || st.Removed != 3 {
		t.Errorf("by bytes: %+v", st)
	}
}

// TestDiskRefuses: an alert's evidence may be lost, and that is told.
func TestDiskRefuses(t *testing.T) {
	w := newWorld(t, StoreConfig{})
	if err := os.RemoveAll(w.store.Dir()); err != nil {
		t.Fatal(err)
	}
	w.ip(datagram(client, server, "attack"))
	w.pipe.Flush()
	w.judge.rec.Close()
	if err := w.store.Close(); err == nil || !strings.Contains(err.Error(), "1 files could not be written") {
		t.Errorf("%v", err)
	}
	if st := w.store.Stats(); st.Failed != 1 || st.Error == "" {
		t.Errorf("%+v", st)
	}
	w.store.put("late", nil)
	if st := w.store.Stats(); st.Lost != 1 {
		t.Errorf("after closing: %+v", st)
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	w := newWorld(t, StoreConfig{})
	f := source.Frame{Time: start, Data: packettest.Ethernet(0x0800, datagram(client, server, "x")), OrigLen: 43, Link: packet.LinkEthernet}
	p := packet.Packet{}
	fl := flow.Flow{ID: 9}
	if n := testing.AllocsPerRun(1000, func() { w.judge.rec.Frame(&f); w.judge.rec.Packet(&p, &fl, flow.ToServer) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
	w.end()
}

// FuzzRecorder drives a recorder by bytes; every file must read back and hold frames of one flow only, in order.
func FuzzRecorder(f *testing.F) {
	f.Add([]byte{1, 2, 0x81, 3, 1, 0x82, 0x81, 5, 0x41, 1, 2, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		dir := t.TempDir()
		s, err := NewStore(StoreConfig{Dir: dir, FilesMax: 50, Limits: Limits{RingBytes: 700, Packets: 9, Open: 5, After: 40 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		r := s.NewRecorder()
		now, n := start, uint32(0)
		for _, b := range script[:min(len(script), 300)] {
			flowID := uint64(b&7) + 1
			switch {
			case b&0x80 != 0:
				r.Cut(Request{ID: [16]byte{b, byte(n >> 8), byte(n)}, Rule: uint64(b >> 3 & 3), FlowID: flowID, Time: now, Comment: string(script)})
			case b&0x40 != 0:
				r.FlowEnd(&flow.Flow{ID: flowID})
			default:
				n++
				now = now.Add(time.Duration(b&0x38) * time.Second)
				data := binary.BigEndian.AppendUint64(nil, flowID)
				data = append(binary.BigEndian.AppendUint32(data, n), make([]byte, int(b)*3)...)
				r.Frame(&source.Frame{Time: now, Data: data, OrigLen: len(data), Link: packet.LinkRaw, Iface: "f"})
				r.Packet(&packet.Packet{}, &flow.Flow{ID: flowID}, flow.ToServer)
			}
		}
		r.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if _, ours := parseName(e.Name()); !ours {
				t.Fatalf("a file named %s", e.Name())
			}
			var flowOf uint64
			var last uint32
			src := source.PcapFile(filepath.Join(dir, e.Name()), source.FileOptions{})
			if err := src.Run(context.Background(), func(fr *source.Frame) error {
				id, seq := binary.BigEndian.Uint64(fr.Data), binary.BigEndian.Uint32(fr.Data[8:])
				if flowOf != 0 && id != flowOf || seq <= last {
					t.Fatalf("%s: frame %d of flow %d after %d of %d", e.Name(), seq, id, last, flowOf)
				}
				flowOf, last = id, seq
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if c := src.Counters(); c.Invalid+c.Truncated > 0 || c.Frames > 9 {
				t.Fatalf("%s: %+v", e.Name(), c)
			}
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	s, err := NewStore(StoreConfig{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	r := s.NewRecorder()
	f := source.Frame{Time: start, Data: make([]byte, 600), OrigLen: 600, Link: packet.LinkEthernet}
	p, fl := packet.Packet{}, flow.Flow{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		fl.ID = uint64(i & 1023)
		r.Frame(&f)
		r.Packet(&p, &fl, flow.ToServer)
	}
	r.Close()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
