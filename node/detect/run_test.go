package detect

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fengsui/analyze/alert"
)

// udpFrame makes an Ethernet frame with one UDP datagram without checksum.
func udpFrame(payload string) []byte {
	b := make([]byte, 42, 42+len(payload))
	b[12], b[13] = 8, 0
	ip := b[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(payload)))
	copy(ip[12:], []byte{10, 0, 0, 1, 192, 0, 2, 7})
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
	binary.BigEndian.PutUint16(b[34:], 5555)
	binary.BigEndian.PutUint16(b[36:], 53000)
	binary.BigEndian.PutUint16(b[38:], uint16(8+len(payload)))
	return append(b, payload...)
}

// pcapFile writes a classic capture.
func pcapFile(t *testing.T, link uint32, frames ...[]byte) string {
	t.Helper()
	var b bytes.Buffer
	for _, v := range []any{uint32(0xa1b2c3d4), uint16(2), uint16(4), uint32(0), uint32(0), uint32(65535), link} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	for i, f := range frames {
		if err := binary.Write(&b, binary.LittleEndian, []uint32{uint32(1700000000 + i), 5, uint32(len(f)), uint32(len(f))}); err != nil {
			t.Fatal(err)
		}
		b.Write(f)
	}
	return write(t, "x.pcap", b.String())
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func runCommand(args ...string) (code int, stdout, stderr string) {
	var out, log bytes.Buffer
	code = Run(context.Background(), args, &out, &log)
	return code, out.String(), log.String()
}

func TestRun(t *testing.T) {
	rules := write(t, "a.rules", `alert udp $HOME_NET any -> $EXTERNAL_NET any (msg:"hello \; there"; content:"hello"; classtype:trojan-activity; sid:5; rev:2;)
alert udp any any -> any any (content:"hello"; lua:x.lua; sid:6;)
`)
	pcap := pcapFile(t, 1, udpFrame("say hello"), udpFrame("nothing"))
	code, out, log := runCommand("--rules", rules, "--pcap", pcap, "--json")
	if code != 0 {
		t.Fatal(code, log)
	}
	a, err := alert.ParseEVE([]byte(strings.TrimSpace(out)))
	if err != nil {
		t.Fatal(err, out)
	}
	if a.SID != 5 || a.Msg != "hello ; there" || a.Severity != 1 || a.Dst.Port() != 53000 || a.Time.Unix() != 1700000000 {
		t.Errorf("%+v", a)
	}
	if !json.Valid([]byte(out)) || !strings.Contains(log, "packets 2, bytes 100, flows 1, alerts 1, rules 1 loaded 1 refused") {
		t.Errorf("summary %q", log)
	}
	if !strings.Contains(log, rules+":2:48: sid 6: lua: scripts in rules are not run") {
		t.Errorf("refusal not listed: %q", log)
	}
	code, out, _ = runCommand("--rules", rules, "--pcap", pcap, "--home-net", "[11.0.0.0/8]")
	if code != 0 || out != "" {
		t.Errorf("home net ignored: %d %q", code, out)
	}
	code, out, _ = runCommand("--rules", filepath.Dir(rules), "--pcap", pcap, "--external-net=any")
	if code != 0 || !strings.Contains(out, "[1:5:2] hello ; there  [priority 1]  UDP") || strings.Count(out, "\n") != 1 {
		t.Errorf("text: %d %q", code, out)
	}
}

func TestRunArchive(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{
		"rules/a.rules": `alert udp any any -> any any (content:"hello"; sid:1;)`, "rules/b.rules": `alert udp any any -> any any (content:"say"; sid:2;)`,
		"LICENSE": "x",
	} {
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))})); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	code, out, log := runCommand("--rules", write(t, "r.tar.gz", b.String()), "--pcap", pcapFile(t, 1, udpFrame("say hello")))
	if code != 0 || strings.Count(out, "\n") != 2 {
		t.Errorf("%d %q %q", code, out, log)
	}
}

func TestRunProblems(t *testing.T) {
	rules := write(t, "a.rules", `alert udp any any -> any any (content:"hello"; sid:5;)`)
	good := pcapFile(t, 1, udpFrame("hello"))
	f := func(code int, reason string, args ...string) {
		t.Helper()
		got, out, log := runCommand(args...)
		if got != code || !strings.Contains(log, reason) || out != "" {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, got, out, log)
		}
		if code == 1 && strings.Count(log, "\n") != 1 {
			t.Errorf("%v: not one line: %q", args, log)
		}
	}
	f(2, "no rules: give --rules", "--pcap", good)
	f(2, "no traffic: give --pcap", "--rules", rules)
	f(2, "not understood", "--rules", rules, "--pcap", good, "extra")
	f(2, "NAME=VALUE", "--rules", rules, "--pcap", good, "--var", "X")
	f(2, "unknown flag --nope", "--nope")
	f(2, "exclude each other", "--rules", rules, "--pcap", good, "--interface", "lo")
	f(2, `unknown event type "flwo"`, "--rules", rules, "--pcap", good, "--eve", "x", "--eve-types", "flwo")
	f(2, "give it too", "--rules", rules, "--pcap", good, "--eve-types", "flow")
	f(2, "both write to standard output", "--rules", rules, "--pcap", good, "--eve", "-", "--json")
	f(2, "--workers 0", "--rules", rules, "--pcap", good, "--workers", "0")
	f(2, "--stats -1", "--rules", rules, "--pcap", good, "--stats", "-1")
	f(1, "--filter: ", "--rules", rules, "--pcap", good, "--filter", "tcp prot 80")
	f(1, "vars file: ", "--rules", rules, "--pcap", good, "--vars", rules+"x")
	f(1, "vars.txt:2: want NAME: VALUE", "--rules", rules, "--pcap", good, "--vars", write(t, "vars.txt", "# mine\nHOME_NET 10.0.0.0/8\n"))
	f(1, "HOME_NET is set twice", "--rules", rules, "--pcap", good, "--vars", write(t, "vars.txt", "HOME_NET: any\nHOME_NET: any\n"))
	f(1, "no such interface", "--rules", rules, "--interface", "nosuch0")
	f(1, "EVE file: ", "--rules", rules, "--pcap", good, "--eve", filepath.Join(good, "x.json"))
	f(1, "does not exist", "--rules", rules+"x", "--pcap", good)
	f(1, "no such file", "--rules", rules, "--pcap", good+"x")
	f(1, "holds no *.rules", "--rules", t.TempDir(), "--pcap", good)
	f(1, "no gzip", "--rules", write(t, "x.tar.gz", "not gzip"), "--pcap", good)
	f(1, "reading", "--rules", rules, "--pcap", write(t, "garbage.pcap", "this is no capture file at all, really"))
	f(1, "link type", "--rules", rules, "--pcap", pcapFile(t, 147, udpFrame("hello")))
	f(1, "threshold file", "--rules", rules, "--pcap", good, "--threshold-file", rules+"x")
	f(1, "between 1 and 60", "--rules", rules, "--pcap", good, "--reputation-categories", write(t, "c.txt", "99,x,y"))
	if code, out, _ := runCommand("--help"); code != 0 || !strings.HasPrefix(out, "usage: fengsui detect") {
		t.Errorf("help: %d %q", code, out)
	}
}

func TestTruncatedCapture(t *testing.T) {
	rules := write(t, "a.rules", `alert udp any any -> any any (content:"hello"; sid:5;)`)
	whole, err := os.ReadFile(pcapFile(t, 1, udpFrame("hello"), udpFrame("hello again")))
	if err != nil {
		t.Fatal(err)
	}
	code, out, log := runCommand("--rules", rules, "--pcap", write(t, "cut.pcap", string(whole[:len(whole)-20])))
	if code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(log, "cut.pcap ends inside a packet") {
		t.Errorf("%d %q %q", code, out, log)
	}
}

func TestReputation(t *testing.T) {
	r, err := readReputation(write(t, "c.txt", "1,BadHosts,text\n2,Other,text\n"), []string{write(t, "l.txt", "# list\n10.0.0.1,1,100\n192.0.2.0/24,1,7\n192.0.2.0/25,1,9\n2001:db8::/32,2,3\n")})
	if err != nil {
		t.Fatal(err)
	}
	f := func(category, addr string, want uint8) {
		t.Helper()
		if got := r.Score(category, netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s %s: %d, want %d", category, addr, got, want)
		}
	}
	f("BadHosts", "10.0.0.1", 100)
	f("BadHosts", "10.0.0.2", 0)
	f("BadHosts", "192.0.2.1", 9)
	f("BadHosts", "192.0.2.200", 7)
	f("Other", "192.0.2.200", 0)
	f("Other", "2001:db8::1", 3)
	if r.Known("Nope") || !r.Known("Other") {
		t.Error("categories")
	}
	for _, bad := range []string{"10.0.0.1,9,1", "10.0.0.1,1,200", "x,1,1", "10.0.0.1"} {
		if _, err := readReputation(write(t, "c.txt", "1,BadHosts,text\n"), []string{write(t, "l.txt", bad)}); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
