package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"fengsui/capture/zone"
)

const minimal = "site: 440106\nnode: n1\ndata: /d\nlisten: 127.0.0.1:0\n"

func TestExampleLoadsAndShowsEveryKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte(Example()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Path, want.Site, want.Name, want.Node, want.Data = path, "440106", "天河区", "n1", "/var/lib/fengsui"
	want.Advertise, want.PassphraseFile = "10.20.6.11:7400", "/etc/fengsui/passphrase"
	want.Capture = []Capture{
		{Name: "mirror", Interface: "eth1", Speed: 1, Repeat: 1, Filter: "not port 22", Promiscuous: true},
		{Name: "rehearsal.pcap.gz", Pcap: "/srv/captures/rehearsal.pcap.gz", Speed: 1, Repeat: 1, Promiscuous: true},
	}
	want.ZonesFile = "/etc/fengsui/zones.txt"
	want.Files.Store, want.Evidence.Dir = "/var/lib/fengsui/files", "/var/lib/fengsui/evidence"
	want.Zones = []zone.Zone{
		{Name: "office", Kind: zone.InVPC, Networks: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}},
		{Name: "tenant-7", Kind: zone.InVPC, Networks: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}, VNIs: []uint32{7007}},
		{Name: "admin", Kind: zone.Management, Networks: []netip.Prefix{netip.MustParsePrefix("192.168.99.0/24")}, VLANs: []uint16{99}},
	}
	want.HomeNet = "[10.0.0.0/8,172.16.0.0/12,192.168.0.0/16]"
	want.Vars = map[string]string{"HTTP_PORTS": "[80,8080]"}
	want.Enforce.Mode, want.Metrics.Listen, want.Parent.Via = EnforceNftables, "127.0.0.1:9440", []string{}
	want.given = c.given
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	for _, k := range Keys() {
		name := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
		if !strings.Contains(Example(), name+":") {
			t.Errorf("the example does not show %s", k.Path)
		}
		if k.Doc == "" {
			t.Errorf("%s has no explanation", k.Path)
		}
	}
}

func TestDefaultsInTheExampleAreTheDefaults(t *testing.T) {
	c, err := Parse("x", "/", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	e, err := Parse("example", "/", []byte(Example()))
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"home_net": {c.HomeNet, e.HomeNet}, "external_net": {c.ExternalNet, e.ExternalNet},
		"fold_window": {c.FoldWindow, e.FoldWindow}, "checksum_validation": {c.ChecksumValidation, e.ChecksumValidation},
		"log": {c.Log, e.Log}, "limits": {c.Limits, e.Limits}, "governor": {c.Governor, e.Governor}, "listen": {Default().Listen, e.Listen},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: default %v, example %v", what, pair[0], pair[1])
		}
	}
	if c.Name != "440106" || c.Advertise != "" {
		t.Errorf("name %q advertise %q", c.Name, c.Advertise)
	}
}

func TestProblemsOfOneKey(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := Parse("f.yaml", "/dir", []byte(text))
		if err == nil {
			t.Errorf("%q: no error, want %s", text, want)
			return
		}
		if err.Error() != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, err, want)
		}
	}
	f(minimal+"log:\n  levle: info\n", `f.yaml:6:3: log.levle: unknown key; did you mean level?`)
	f(minimal+"sources: []\n", `f.yaml:5:1: sources: unknown key; remove it; keys here are capture, zones, site, name, node, data, listen, advertise, parent, passphrase_file, zones_file, files, evidence, governor, enforce, metrics, log, limits`)
	f(minimal+"log: {level: loud}\n", `f.yaml:5:14: log.level: "loud" is not one of debug, info, warn, error`)
	f(minimal+"log: quiet\n", `f.yaml:5:6: log: is text, want keys with values; see `+"`fengsui help config`"+` for the whole file`)
	f(minimal+"passphrase: hunter2\n", `f.yaml:5:1: passphrase: secrets are not written into this file; put it into a file of mode 0600 and use passphrase_file`)
	f(minimal+"node: n2\n", `f.yaml:5:1: node: given twice, first on line 2; keep one of them`)
	f(minimal+"name: true\n", `f.yaml:5:7: name: is true or false, want text (put it in quotes)`)
	f(minimal+"name:\n", `f.yaml:5:7: name: has no value; give one or remove the key`)
	f(minimal+"name: \"  \"\n", `f.yaml:5:7: name: "  " is empty; give a value or remove the key`)
	f(minimal+"parent: {via: 10.0.0.1:7}\n", `f.yaml:5:15: parent.via: is text, want a list; write [a, b] or one dash a line`)
	f(minimal+"parent: {via: [a, '0.0.0.0:9']}\n", `f.yaml:5:16: parent.via[0]: "a" is not an address to send to; write host:port, such as 10.20.0.11:7400`+"\n"+
		`f.yaml:5:19: parent.via[1]: "0.0.0.0:9" is every address of a machine, which nobody can send to; write the one address others reach`)
	f(minimal+"capture: {sources: [{pcap: a, interface: b}]}\n", `f.yaml:5:21: capture.sources[0]: wants exactly one of pcap and interface`)
	f(minimal+"capture:\n  sources:\n    - interface: eth0\n      speed: 2\n", `f.yaml:7:7: capture.sources[0].speed: belongs to pcap, not to interface; remove it`)
	f(minimal+"capture: {sources: [{pcap: a, speed: -1}]}\n", `f.yaml:5:38: capture.sources[0].speed: "-1" is outside 0 to 1000`)
	f(minimal+"capture: {sources: [{pcap: a, repeat: lots}]}\n", `f.yaml:5:39: capture.sources[0].repeat: "lots" is not a whole number`)
	f(minimal+"capture: {sources: {pcap: a}}\n", `f.yaml:5:20: capture.sources: is keys with values, want a list; start each source with a dash, such as `+"`- interface: eth1`")
	f(minimal+"capture: {fold_window: 5}\n", `f.yaml:5:24: capture.fold_window: "5" is not a time; write such as 500ms, 30s or 2m`)
	f(minimal+"capture: {vars: {http: 80}}\n", `f.yaml:5:18: capture.vars."http": is not a variable name; use capitals, digits and underscores, such as HTTP_SERVERS`)
	f(minimal+"capture: {sources: [{interface: a, filter: tcp prot 80}]}\n", `f.yaml:5:44: capture.sources[0].filter: "tcp prot 80" is no filter: column 5: "prot" does not follow here; join tests with and, or`)
	f(minimal+"capture: {sources: [{pcap: a, ring: 1MiB}]}\n", `f.yaml:5:21: capture.sources[0].ring: belongs to interface, not to pcap; remove it`)
	f(minimal+"capture: {sources: [{interface: a, rings: 3}]}\n", `f.yaml:5:36: capture.sources[0].rings: unknown key; did you mean ring?`)
	f(minimal+"zones: {office: x}\n", `f.yaml:5:8: zones: is keys with values, want a list; start each zone with a dash, such as `+"`- name: office`")
	f(minimal+"zones:\n  - name: a\n    kind: cloud\n    members: [10.0.0.0/8]\n", `f.yaml:7:11: zones[0].kind: "cloud" is not one of boundary, management, in-vpc, inter-vpc`)
	f(minimal+"zones:\n  - name: a\n    kind: in-vpc\n    members: [10.0.0.1/8]\n", `f.yaml:8:15: zones[0].members[0]: "10.0.0.1/8" is no member of a zone: 10.0.0.1/8 has bits set behind its prefix; write 10.0.0.0/8`)
	f(minimal+"zones:\n  - {name: a, kind: in-vpc, members: ['vlan:5']}\n  - {name: b, kind: in-vpc, members: ['vlan:5']}\n", `f.yaml:7:5: zones[1]: zone b: VLAN 5 already belongs to another zone`)
	f(minimal+"zones:\n  - kind: in-vpc\n    members: ['vlan:5']\n", `f.yaml:6:5: zones[0]: name is not given`)
	f(minimal+"files: {digests: [md4]}\n", `f.yaml:5:19: files.digests[0]: "md4" is not one of md5, sha1, sha256, sm3`)
	f(minimal+"files: {store_bytes: 1GiB}\n", `f.yaml: files.store: is not given although its size is; add the directory, or remove the sizes`)
	f(minimal+"evidence: {cut: 1MiB}\n", `f.yaml: evidence.dir: is not given although limits of evidence are; add the directory, or remove the limits`)
	f(minimal+"governor: {upward: 10}\n", `f.yaml: governor.upward: is a share of a link whose bandwidth is not given; add governor.link in Mbit/s, such as `+"`link: 100`")
	f(minimal+"governor: {cpu: 150}\n", `f.yaml:5:17: governor.cpu: "150" is outside 0 to 100`)
	f(minimal+"limits: {spool: 3 apples}\n", `f.yaml:5:17: limits.spool: "3 apples" is not a size; write such as 256MiB or 1GiB`)
	f(minimal+"enforce: {namespace: private}\n", `f.yaml: enforce.namespace: is private, which has no meaning while enforce.mode is off; set enforce.mode to nftables or remove enforce.namespace`)
	f(minimal+"name: &a x\n", `f.yaml:5:7: name: is a YAML reference or tag, which this file does not use, want text (put it in quotes)`)
	f(minimal+"---\nname: x\n", `f.yaml:6:1: a second document starts here; keep one document in the file`)
	f(minimal+"{a: b}: c\n", `f.yaml:5:7: not YAML: found an invalid key for this map; check indentation, colons and quotes there`)
	f(minimal+"1: b\n", `f.yaml:5:1: a key here is a number; keys are plain words`)
	f(minimal+"? [a]\n: b\n", `f.yaml:6:1: not YAML: found an invalid key for this map; check indentation, colons and quotes there`)
	f("site: 44010x\nnode: n1\ndata: /d\nlisten: 127.0.0.1:0", `f.yaml:1:7: site: "44010x" character 6 is not a digit; a site is its GB/T 2260 code, such as 440106`)
	f("site: 4401\nnode: N 1\ndata: /d\nlisten: here", `f.yaml:1:7: site: "4401" has 4 digits; a site is its GB/T 2260 code of 6 digits, or 8, 10, … below the county, such as 440106`+"\n"+
		`f.yaml:2:7: node: "N 1" is not a node name; use up to 32 lower-case letters, digits and dashes, such as n1`+"\n"+
		`f.yaml:4:9: listen: "here" is not an address to listen at; write IP:port, such as 0.0.0.0:7400 or [::]:7400`)
	f("site: 440106\nnode: n1\ndata: /d", `f.yaml: advertise: is not given although listen is 0.0.0.0:7400; add the one address other nodes reach, such as `+"`advertise: 10.20.0.11:7400`")
	f("", "f.yaml: site: is not given; add the GB/T 2260 code of this site, such as `site: 440106`\n"+
		"f.yaml: node: is not given; add the name of this node, such as `node: n1`\n"+
		"f.yaml: data: is not given; add the data directory, such as `data: /var/lib/fengsui`\n"+
		"f.yaml: advertise: is not given although listen is 0.0.0.0:7400; add the one address other nodes reach, such as `advertise: 10.20.0.11:7400`")
	f("\x00\x01", "f.yaml: is not text; is this the right file?")
	f(strings.Repeat("#", fileBytesMax+1), "f.yaml: is larger than 32 KiB; a configuration is a short text; is this the right file?")
}

func TestNotYAMLTellsTheLine(t *testing.T) {
	for _, text := range []string{"site: [\n", "site: 'x\n", "a: b: c\n", "\t- x\n", "site: 1\n bad\n"} {
		_, err := Parse("f.yaml", "/", []byte(text))
		var ps Problems
		if !errors.As(err, &ps) || len(ps) == 0 || ps[0].Line < 1 || ps[0].Column < 1 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRelativeNamesAreRelativeToTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	text := "site: 440106\nnode: n1\ndata: .\nlisten: 127.0.0.1:0\npassphrase_file: secret\ncapture: {sources: [{pcap: ../a.pcap}]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != dir || c.Socket() != filepath.Join(dir, SocketName) || c.PassphraseFile != filepath.Join(dir, "secret") || c.Capture[0].Pcap != filepath.Join(filepath.Dir(dir), "a.pcap") {
		t.Errorf("%+v", c)
	}
	if _, err := Load(filepath.Join(dir, "absent.yaml"), Overrides{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "fengsui node init") {
		t.Errorf("absent file: %v", err)
	}
}

func TestOverridesWinInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte(minimal+"log: {level: warn, format: json}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, Overrides{
		Environ: []string{"HOME=/x", "FENGSUI_LOG_LEVEL=debug", "FENGSUI_NODE=n2", "FENGSUI_CONFIG=/y", "FENGSUI_SERVICE_HOST=1.2.3.4", "FENGSUI_PARENT_VIA=a:1, b:2", "FENGSUI_CAPTURE_CHECKSUM_VALIDATION=false"},
		Flags:   map[string]string{"node": "n3", "capture.fold_window": "2s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Log.Level != "debug" || c.Log.Format != "json" || c.Node != "n3" || !reflect.DeepEqual(c.Parent.Via, []string{"a:1", "b:2"}) || c.ChecksumValidation || c.FoldWindow != 2*time.Second {
		t.Errorf("%+v", c)
	}
	_, err = Load(path, Overrides{
		Environ: []string{"FENGSUI_LOG_LEVLE=x", "FENGSUI_LISTEN=y", "FENGSUI_CAPTURE_VARS=z"},
		Flags:   map[string]string{"colour": "red", "log.level": "loud"},
	})
	want := `environment: FENGSUI_LOG_LEVLE: unknown variable; did you mean FENGSUI_LOG_LEVEL?
environment: FENGSUI_LISTEN: "y" is not an address to listen at; write IP:port, such as 0.0.0.0:7400 or [::]:7400
environment: FENGSUI_CAPTURE_VARS: "z" can only be set in the file
flags: colour: unknown key; ` + "`fengsui help config`" + ` lists the keys
flags: log.level: "loud" is not one of debug, info, warn, error`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestPassphraseComesFromAFileOnlyItsOwnerReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pass")
	c := Default()
	if p, err := c.Passphrase(); p != nil || err != nil {
		t.Errorf("none configured: %q %v", p, err)
	}
	c.PassphraseFile = path
	if _, err := c.Passphrase(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("长城 horse\r\nsecond line\n", 0o600)
	if p, err := c.Passphrase(); string(p) != "长城 horse" || err != nil {
		t.Errorf("%q %v", p, err)
	}
	write("x\n", 0o640)
	if _, err := c.Passphrase(); !errors.Is(err, ErrSecretReadable) {
		t.Errorf("readable by the group: %v", err)
	}
	for _, bad := range []string{"", "\nx", strings.Repeat("x", passphraseBytesMax+1)} {
		write(bad, 0o600)
		if _, err := c.Passphrase(); err == nil {
			t.Errorf("%.5q… accepted", bad)
		}
	}
}

func TestDumpIsAConfigurationAndShowsNoSecret(t *testing.T) {
	c, err := Parse("x", "/", []byte(Example()))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Dump(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "/etc/fengsui/passphrase") || !strings.Contains(b.String(), masked) {
		t.Errorf("passphrase file shown:\n%s", b.String())
	}
	again, err := Parse("dump", "/", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	again.PassphraseFile, again.given, again.Path = c.PassphraseFile, c.given, c.Path
	if !reflect.DeepEqual(again, c) {
		t.Errorf("got  %+v\nwant %+v", again, c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Example()))
	f.Add([]byte(minimal))
	f.Add([]byte("capture: {sources: [{pcap: a, speed: 1e309}, {interface: ''}], vars: {A: [b, [c]]}}"))
	f.Add([]byte("a: &x [*x]\n<<: *x\n!!tag b: |\n  c\n---\n? {d: e}\n: - f\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("fuzz", "/", text)
		if err != nil {
			var ps Problems
			if !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("error without problems: %v", err)
			}
			for _, p := range ps {
				if strings.ContainsAny(p.String(), "\n\r") || p.Text == "" {
					t.Fatalf("problem is not one line: %q", p.String())
				}
			}
			return
		}
		var b strings.Builder
		if err := c.Dump(&b); err != nil {
			t.Fatal(err)
		}
		if c.PassphraseFile != "" {
			return // masked in the dump
		}
		if _, err := Parse("dump", "/", []byte(b.String())); err != nil {
			t.Fatalf("the dump of a good configuration is not good: %v\n%s", err, b.String())
		}
	})
}
