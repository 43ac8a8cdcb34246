package eve_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fengsui/capture/eve"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden keeps the form of each record: one capture for each of the formats that are appended by hand.
func TestGolden(t *testing.T) {
	dir := needData(t)
	for _, c := range []struct{ capture, types string }{
		{"malcolm-CVE-2021-41773-apache_exploit_success", "http,flow"},
		{"malcolm-SIGred-sigxploit", "dns,anomaly"},
		{"zeek-tls-heartbleed-success", "tls,flow,decode"},
	} {
		files, _ := filepath.Glob(filepath.Join(dir, c.capture+".pcap*"))
		if len(files) != 1 {
			t.Fatalf("%s: not found", c.capture)
		}
		types, err := eve.ParseTypes(c.types)
		if err != nil {
			t.Fatal(err)
		}
		got := write(t, files[0], eve.Config{Types: types, Interface: "eth0"})
		if lines := bytes.SplitAfter(got, []byte("\n")); len(lines) > 40 {
			got = bytes.Join(lines[:40], nil)
		}
		golden := filepath.Join("testdata", c.capture+".json")
		if *update {
			if err := os.WriteFile(golden, got, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: records differ from testdata; -update writes them anew after a look at the difference", c.capture)
		}
	}
}

// TestAlert checks the record of an alert with everything an alert can carry.
func TestAlert(t *testing.T) {
	var b bytes.Buffer
	out := eve.NewOutput(&b)
	l := eve.NewLogger(eve.Config{Types: eve.All(), Payload: true, Packet: true}, out)
	var p packet.Packet
	frame := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00\x45\x00\x00\x20\x00\x01\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\xc0\x00\x02\x07\x15\xb3\x00\x35\x00\x0c\x00\x00a\"\x00b")
	p.Decode(time.Unix(1614578399, 853184000), frame, len(frame), packet.LinkEthernet)
	p.Number = 7
	l.Alert(eve.Alert{
		Time: p.Time, Action: "allowed", GID: 1, SID: 5, Rev: 2, Signature: `say "x" é` + "\xff", Category: "Misc activity", Severity: 3,
		Metadata: map[string][]string{"b": {"2"}, "a": {"1", "1b"}}, Extra: []byte(`{"id":"00"}`),
	})
	l.Packet(&p, nil, flow.ToServer)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	const want = `{"timestamp":"2021-03-01T05:59:59.853184+0000","pcap_cnt":7,"event_type":"alert","src_ip":"10.0.0.1","src_port":5555,"dest_ip":"192.0.2.7",` +
		`"dest_port":53,"proto":"UDP","ip_v":4,"pkt_src":"wire/pcap","alert":{"action":"allowed","gid":1,"signature_id":5,"rev":2,` +
		`"signature":"say \"x\" \\xc3\\xa9\\xff","category":"Misc activity","severity":3,"metadata":{"a":["1","1b"],"b":["2"]}},` +
		`"payload":"YSIAYg==","payload_printable":"a\".b",`
	if got := b.String(); !strings.HasPrefix(got, want) || !json.Valid(b.Bytes()) || !strings.HasSuffix(got, `,"packet_info":{"linktype":1},"fengsui":{"id":"00"}}`+"\n") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if out.Lines() != 1 {
		t.Errorf("%d lines", out.Lines())
	}
}

func TestTypes(t *testing.T) {
	all := eve.All()
	if !all.Has("alert") || !all.Has("krb5") || all.Has("decode") {
		t.Error("all")
	}
	some, err := eve.ParseTypes("alert, ftp-data,decode")
	if err != nil || !some.Has("ftp_data") || some.Has("flow") || !some.Has("decode") {
		t.Errorf("%+v %v", some, err)
	}
	if _, err := eve.ParseTypes("alert,flwo"); err == nil || !strings.Contains(err.Error(), `unknown event type "flwo"`) {
		t.Errorf("%v", err)
	}
}

func TestStats(t *testing.T) {
	var b bytes.Buffer
	out := eve.NewOutput(&b)
	s := pipeline.Stats{Packets: 10, Invalid: 1}
	s.FlowsByApp[flow.AppDNS] = 3
	s.Decode[1] = 1
	eve.WriteStats(out, "", &eve.Totals{At: time.Unix(0, 0), Uptime: 2 * time.Second, KernelDrops: 4, Pipeline: s, Alerts: 5, RulesLoaded: 6})
	var r struct {
		Stats struct {
			Uptime  int
			Capture map[string]int
			Decoder struct{ Pkts, Invalid int }
			App     struct{ Flow map[string]int } `json:"app_layer"`
			Detect  map[string]int
		}
	}
	if err := json.Unmarshal(b.Bytes(), &r); err != nil {
		t.Fatal(err, b.String())
	}
	if r.Stats.Uptime != 2 || r.Stats.Capture["kernel_drops"] != 4 || r.Stats.Decoder.Pkts != 10 || r.Stats.App.Flow["dns"] != 3 || r.Stats.Detect["alert"] != 5 {
		t.Errorf("%+v", r)
	}
}

// failing is a full disk.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestOutputError(t *testing.T) {
	out := eve.NewOutput(failing{})
	eve.WriteStats(out, "", &eve.Totals{})
	if out.Err() == nil || !strings.Contains(out.Err().Error(), "writing EVE") {
		t.Errorf("%v", out.Err())
	}
}

// FuzzText checks that whatever stands on the wire comes out as valid JSON.
func FuzzText(f *testing.F) {
	f.Add("plain", []byte("\xff\x00\"\\é"))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		var b bytes.Buffer
		l := eve.NewLogger(eve.Config{Types: eve.All(), Payload: true, Packet: true}, eve.NewOutput(&b))
		l.Alert(eve.Alert{Signature: string(value), Category: name, Metadata: map[string][]string{name: {string(value)}}})
		l.Packet(&packet.Packet{Time: time.Unix(0, 0), Payload: value}, nil, flow.ToServer)
		if err := l.Flush(); err != nil || !json.Valid(b.Bytes()) {
			t.Fatalf("%v %q", err, b.Bytes())
		}
	})
}

// TestWritingAllocatesLittle bounds what writing costs beside reading: a capture of DNS with and without the logger.
func TestWritingAllocatesLittle(t *testing.T) {
	dir := needData(t)
	path := filepath.Join(dir, "ndpi-dns-tunnel-iodine.pcap")
	run := func(l pipeline.Inspector) uint64 {
		var insp []pipeline.Inspector
		if l != nil {
			insp = append(insp, l)
		}
		var packets uint64
		allocs := testing.AllocsPerRun(3, func() {
			w := pipeline.New(pipeline.Config{IgnoreChecksums: true}, insp, nil)
			if err := w.Run(t.Context(), source.PcapFile(path, source.FileOptions{})); err != nil {
				t.Error(err)
			}
			packets = w.Stats().Packets
		})
		if packets == 0 {
			t.Fatal("no packets")
		}
		return uint64(allocs)
	}
	out := eve.NewOutput(discard{})
	l := eve.NewLogger(eve.Config{Types: eve.All()}, out)
	without, with := run(&silent{}), run(l)
	records := out.Lines() / 4 // AllocsPerRun runs once more to warm up
	t.Logf("allocations: %d without, %d with, %d records a run", without, with, records)
	if records == 0 || with > without+records/10+200 {
		t.Errorf("%d allocations for %d records", with-without, records)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// silent is an inspector that does nothing, so that the pipeline does the same work.
type silent struct{ eve.Logger }

func (*silent) Packet(*packet.Packet, *flow.Flow, flow.Direction) {}
func (*silent) FlowEnd(*flow.Flow)                                {}

// TestNested checks how the fields of events become nested members.
func TestNested(t *testing.T) {
	dir := needData(t)
	for _, c := range []struct{ capture, types, want string }{
		{"ndpi-emotet.pcap", "smtp", `"email":{"from":"\"2080\" <raulparedes@wanadoo.fr>","to":["\"\" <mitzy.torres@2080.cl>"],`},
		{"ndpi-quic-28.pcap", "quic", `"ja3":{"hash":"1e022f87823477abd6a79c31d70062d7","string":"771,4865-4866-4867,`},
		{"malcolm-zerologon-CVE-2020-1472_exploit_win2019.pcap", "dcerpc", `"interfaces":[{"uuid":"e1af8308-5d1f-11c9-91a4-08002b14a0fa","version":"3.0","ack_result":0}]`},
	} {
		types, err := eve.ParseTypes(c.types)
		if err != nil {
			t.Fatal(err)
		}
		got := write(t, filepath.Join(dir, c.capture), eve.Config{Types: types})
		if !strings.Contains(string(got), c.want) {
			t.Errorf("%s: %s is not in %.900s", c.capture, c.want, got)
		}
		parse(t, c.capture, got)
	}
}
