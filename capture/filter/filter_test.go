package filter_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"fengsui/capture/filter"
	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/source"
)

var (
	hostA = netip.MustParseAddr("10.1.2.3")
	hostB = netip.MustParseAddr("192.168.7.9")
	hostC = netip.MustParseAddr("2001:db8::1")
	hostD = netip.MustParseAddr("2001:db8:0:1::2")
)

// zoo holds one of everything filters tell apart; with cut also pieces of it.
func zoo(cut bool) [][]byte {
	tcp := func(a, b netip.Addr, sp, dp uint16, flags uint8, n int) []byte {
		return packettest.IP(a, b, 6, packettest.TCP{SrcPort: sp, DstPort: dp, Seq: 7, Ack: 9, Flags: flags}.Segment(a, b, make([]byte, n)))
	}
	udp := func(a, b netip.Addr, sp, dp uint16, n int) []byte {
		return packettest.IP(a, b, 17, packettest.UDP(netip.AddrPortFrom(a, sp), netip.AddrPortFrom(b, dp), make([]byte, n)))
	}
	arp := append([]byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1}, append(hostA.AsSlice(), append(make([]byte, 6), hostB.AsSlice()...)...)...)
	var out [][]byte
	add := func(t uint16, b []byte, vlans ...uint16) { out = append(out, packettest.Ethernet(t, b, vlans...)) }
	for _, flags := range []uint8{2, 18, 16, 24, 17, 4, 1, 41, 0xc2} {
		add(0x0800, tcp(hostA, hostB, 40000, 80, flags, int(flags)))
		add(0x86dd, tcp(hostC, hostD, 40001, 443, flags, 10))
		add(0x0800, tcp(hostB, hostA, 22, 40000+uint16(flags), flags, 600))
	}
	for _, p := range []uint16{53, 67, 123, 1024, 5060, 65535} {
		add(0x0800, udp(hostA, hostB, 5353, p, int(p)%900))
		add(0x86dd, udp(hostD, hostC, p, 53, 5))
	}
	add(0x0806, arp)
	add(0x8035, arp)
	add(0x0800, packettest.IP(hostA, hostB, 1, packettest.ICMP(hostA, hostB, 8, 0, []byte{0, 1, 0, 2})))
	add(0x0800, packettest.IP(hostB, hostA, 1, packettest.ICMP(hostB, hostA, 3, 3, make([]byte, 30))))
	add(0x86dd, packettest.IP(hostC, hostD, 58, packettest.ICMP(hostC, hostD, 135, 0, make([]byte, 20))))
	for _, p := range []uint8{2, 9, 47, 50, 51, 89, 103, 112, 132, 200} {
		add(0x0800, packettest.IP(hostA, hostB, p, make([]byte, 40)))
		add(0x86dd, packettest.IP(hostC, hostD, p, make([]byte, 40)))
	}
	sctp := append([]byte{0x1f, 0x90, 0, 80}, make([]byte, 20)...)
	add(0x0800, packettest.IP(hostA, hostB, 132, sctp))
	add(0x0800, packettest.IP4{Src: hostA, Dst: hostB, Proto: 17, ID: 5, Frag: 0x2000}.Packet(udp(hostA, hostB, 1, 53, 16)[20:]))
	add(0x0800, packettest.IP4{Src: hostA, Dst: hostB, Proto: 17, ID: 5, Frag: 3}.Packet(make([]byte, 30)))
	add(0x0800, packettest.IP4{Src: hostA, Dst: netip.MustParseAddr("239.1.2.3"), Proto: 17, Options: []byte{1, 1, 1, 0}}.Packet(udp(hostA, hostB, 1, 53, 16)[20:]))
	add(0x86dd, packettest.IP6(hostC, netip.MustParseAddr("ff02::fb"), 44, append([]byte{17, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 16)...)))
	add(0x0800, tcp(hostA, hostB, 40000, 80, 2, 0), 100)
	add(0x0800, tcp(hostA, hostB, 40000, 80, 2, 0), 0x2064, 7)
	add(0x86dd, udp(hostC, hostD, 53, 4000, 9), 7)
	label := func(n uint32, bottom byte) []byte {
		return []byte{byte(n >> 12), byte(n >> 4), byte(n<<4) | bottom, 64}
	}
	add(0x8847, append(label(1000, 1), tcp(hostA, hostB, 40000, 80, 2, 0)...))
	add(0x8847, append(label(1000, 0), append(label(17, 1), udp(hostC, hostD, 53, 4000, 9)...)...))
	pppoe := func(b []byte, proto uint16) []byte {
		h := binary.BigEndian.AppendUint16([]byte{0x11, 0, 0, 42}, uint16(len(b)+2))
		return append(binary.BigEndian.AppendUint16(h, proto), b...)
	}
	add(0x8864, pppoe(tcp(hostA, hostB, 40000, 80, 2, 0), 0x21))
	add(0x8864, pppoe(udp(hostC, hostD, 53, 4000, 9), 0x57))
	add(0x8863, []byte{0x11, 9, 0, 0, 0, 0})
	add(0x88cc, make([]byte, 40))
	b := packettest.Ethernet(0x0800, udp(hostA, netip.MustParseAddr("255.255.255.255"), 68, 67, 50))
	copy(b, "\xff\xff\xff\xff\xff\xff")
	if !cut {
		return append(out, b)
	}
	out = append(out, b, []byte{1, 2, 3}, b[:20])
	for i := range len(out) { // and everything cut short
		if n := len(out[i]); i%3 == 0 {
			out = append(out, out[i][:n*2/3])
		}
	}
	return out
}

// expressions are the forms of the language.
var expressions = []string{
	"", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "pim", "vrrp", "ah", "esp",
	"tcp port 80", "udp port 53", "port 53", "src port 53", "dst port 53", "src or dst port 53", "src and dst port 53", "port 80 or 443 or domain",
	"portrange 1-1024", "tcp dst portrange 50-90", "tcp port (80 or 443)", "sctp port 80",
	"host 10.1.2.3", "src host 10.1.2.3", "dst 192.168.7.9", "ip host 10.1.2.3", "arp host 10.1.2.3", "host 2001:db8::1", "ip6 src host 2001:db8::1",
	"host 10.1.2.3 and 192.168.7.9", "not host 10.1.2.3", "src 10.1.2.3 or dst 10.1.2.3", "src host 10.1.2.3 and not dst port 80",
	"net 10", "net 10.1", "net 192.168.7", "net 10.1.2.0/24", "src net 10.0.0.0/8", "net 10.1.0.0 mask 255.255.0.0", "net 2001:db8::/32", "dst net 2001:db8:0:1::/64", "net 0.0.0.0/0",
	"ether host 02:00:00:00:00:01", "ether src 02:00:00:00:00:01", "ether dst 02:00:00:00:00:02", "ether proto 0x0800", "ether proto \\arp", "ether proto 0x88cc",
	"broadcast", "multicast", "ether broadcast", "ip multicast", "ip6 multicast", "less 100", "greater 500",
	"ip proto 47", "ip proto \\tcp", "ip6 proto 17", "proto 132", "proto \\ospf",
	"vlan", "vlan 100", "vlan and tcp port 80", "vlan 100 and vlan 7", "vlan and vlan and tcp", "mpls", "mpls 1000", "mpls and tcp port 80", "mpls 1000 and mpls 17 and port 53",
	"pppoed", "pppoes", "pppoes 42 and tcp port 80", "pppoes and ip6",
	"tcp[13] & 2 != 0", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "tcp[13] == 18", "tcp[0:2] = 40000", "tcp[2:2] > 100", "tcp[tcpflags] & tcp-fin != 0 or tcp[13] & tcp-rst != 0",
	"ip[0] & 0xf != 5", "ip[6:2] & 0x1fff != 0", "ip[8] < 65", "ip[2:2] > 576", "ip6[6] = 58", "icmp[icmptype] = icmp-echo", "icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply",
	"icmp6[icmp6type] = icmp6-neighborsolicit", "udp[4:2] - 8 > 100", "ether[0] & 1 = 1", "ether[12:2] = 0x0806", "arp[6:2] = 1", "len > 100", "len <= 60",
	"(tcp[12] & 0xf0) >> 2 = 20", "tcp and ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0", "tcp[((tcp[12] & 0xf0) >> 2) : 4] = 0", "ip[ip[0] & 1] = 0", "len % 2 = 0", "((len * 2) / 3) ^ 5 > 60", "(len ^ 5) % 7 = 3",
	"-1 + len > 99", "tcp or udp and port 53", "(tcp or udp) and port 53", "not tcp and not udp", "! ( tcp || udp )", "tcp and port 80 or udp and port 53", "icmp or arp or vlan",
	"tcp port 80 and not host 10.0.0.1", "ip and not (src net 10.0.0.0/8 and dst net 10.0.0.0/8)", "src host 10.1.2.3 and (port 80 or port 443 or portrange 8000-9000)",
}

// ask counts what tcpdump passes.
func ask(t *testing.T, file, expr string) int {
	t.Helper()
	cmd := exec.Command("tcpdump", "-r", file, "-n", "--count", "--", expr)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if strings.Contains(stderr.String(), "expression rejects all packets") {
		return 0
	}
	if err != nil {
		t.Fatalf("tcpdump %q: %v: %s", expr, err, stderr.String())
	}
	word, _, _ := strings.Cut(string(out), " ")
	n, err := strconv.Atoi(word)
	if err != nil {
		t.Fatalf("tcpdump %q printed %q", expr, out)
	}
	return n
}

func needTcpdump(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has tcpdump")
		}
		t.Skip("tcpdump is not installed: make debian")
	}
}

func count(t *testing.T, file, expr string) int {
	t.Helper()
	src := source.PcapFile(file, source.FileOptions{Filter: expr})
	if err := src.Run(context.Background(), func(*source.Frame) error { return nil }); err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	return int(src.Counters().Frames)
}

func zooFile(t *testing.T, link byte, strip int, cut bool) string {
	t.Helper()
	var c packettest.Capture
	at := time.Unix(1_700_000_000, 0)
	for _, b := range zoo(cut) {
		if len(b) < strip {
			continue
		}
		c.Frames = append(c.Frames, source.Frame{Time: at, Data: b[strip:], OrigLen: len(b) - strip + len(b)%5})
	}
	file := c.Pcap(binary.LittleEndian, false)
	file[20] = link
	path := filepath.Join(t.TempDir(), "zoo.pcap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAgreesWithTcpdump compares how many packets pass, for each form of the language.
func TestAgreesWithTcpdump(t *testing.T) {
	needTcpdump(t)
	files := []string{zooFile(t, 1, 0, true)}
	shared := "../../../shared/data/pcaps/"
	for _, name := range []string{"malcolm-proto-Tunnels.pcap", "ndpi-http_ipv6.pcap", "malcolm-proto-DNS.pcap"} {
		if _, err := os.Stat(shared + name); err == nil {
			files = append(files, shared+name)
		}
	}
	for _, file := range files {
		passed := 0
		for _, expr := range expressions {
			want := ask(t, file, expr)
			if got := count(t, file, expr); got != want {
				t.Errorf("%s: %q passes %d packets, with tcpdump %d", filepath.Base(file), expr, got, want)
			}
			passed += min(want, 1)
		}
		if file == files[0] && passed < len(expressions)-3 {
			t.Errorf("only %d of %d expressions match anything: the test shows too little", passed, len(expressions))
		}
	}
}

// TestOtherLinksAgree does the same where there is no Ethernet.
func TestOtherLinksAgree(t *testing.T) {
	needTcpdump(t)
	raw := zooFile(t, 101, 14, true)
	for _, expr := range []string{"ip", "ip6", "tcp", "udp port 53", "host 10.1.2.3", "net 2001:db8::/32", "tcp[13] & 2 != 0", "not ip", "icmp6", "len > 90", "ip6[6] = 17"} {
		if got, want := count(t, raw, expr), ask(t, raw, expr); got != want {
			t.Errorf("raw: %q passes %d packets, with tcpdump %d", expr, got, want)
		}
	}
}

// TestRandomExpressionsAgree joins forms at random.
func TestRandomExpressionsAgree(t *testing.T) {
	needTcpdump(t)
	file := zooFile(t, 1, 0, false) // tcpdump's optimiser drops loads, and with them the refusal of frames that are cut before them
	rng := rand.New(rand.NewPCG(3, 9))
	var grow func(depth int) string
	grow = func(depth int) string {
		if depth == 0 || rng.IntN(4) == 0 {
			for {
				e := expressions[1+rng.IntN(len(expressions)-1)]
				if !strings.Contains(e, "vlan") && !strings.Contains(e, "mpls") && !strings.Contains(e, "pppoe") && !strings.Contains(e, "tcp[12]") {
					return e // those move offsets for the rest, or read behind the end of short packets, where the order of tests matters
				}
			}
		}
		join := [2]string{" and ", " or "}[rng.IntN(2)]
		l, r := grow(depth-1), grow(depth-1)
		switch rng.IntN(4) {
		case 0:
			return "(" + l + ")" + join + "(" + r + ")"
		case 1:
			return "not (" + l + ")" + join + "(" + r + ")"
		case 2:
			return "(" + l + join + r + ")"
		}
		return l + join + r
	}
	for range 150 {
		expr := grow(3)
		if got, want := count(t, file, expr), ask(t, file, expr); got != want {
			t.Errorf("%q passes %d packets, with tcpdump %d", expr, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		expr   string
		offset int
		reason string
	}{
		{"tcp port", 8, "needs a value"},
		{"tcp port 70000", 9, "no port"},
		{"host example.org", 5, "not looked up"},
		{"host 10.1.2.3 tcp", 14, "join tests with and, or"},
		{"(tcp", 4, "closing parenthesis"},
		{"tcp)", 3, "does not follow"},
		{"tcp and", 7, "ends where a test"},
		{"and tcp", 0, "no address"},
		{"tcp[13", 6, "closing bracket"},
		{"tcp[13:3] = 1", 7, "1, 2 or 4"},
		{"tcp[13] & 2", 11, "comparison is missing"},
		{"net 10.1.2.3/8", 4, "behind its prefix"},
		{"net 10.0.0.0/33", 4, "0 to 32"},
		{"gateway 10.1.2.3", 0, "look-up"},
		{"ip broadcast", 0, "mask"},
		{"wlan host 02:00:00:00:00:01", 0, "802.11"},
		{"geneve", 0, "udp port 6081"},
		{"ether port 80", 11, "no ports"},
		{"tcp host 10.1.2.3", 9, "goes with port"},
		{"arp host ::1", 9, "no IPv6"},
		{"vlan 5000", 5, "up to 4095"},
		{"port 80 $", 8, "means nothing"},
		{"len / 0 = 1", 4, "division by zero"},
		{"\\", 0, "backslash"},
		{strings.Repeat("(", 100) + "tcp", 64, "nested deeper"},
		{strings.Repeat("not ", 100) + "tcp", 256, "nested deeper"},
	} {
		_, err := filter.Parse(c.expr)
		var e *filter.Error
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", c.expr, err)
			continue
		}
		if !strings.Contains(e.Reason, c.reason) || e.Offset != c.offset || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: offset %d, want %d: %v", c.expr, e.Offset, c.offset, err)
		}
	}
	if _, err := filter.Parse(strings.Repeat("tcp or ", 2000) + "tcp"); err == nil || !strings.Contains(err.Error(), "4096 instructions") {
		t.Errorf("a program that is too long: %v", err)
	}
	e, err := filter.Parse("inbound and vlan 5")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Compile(filter.Target{Link: packet.LinkEthernet}); err == nil || !strings.Contains(err.Error(), "does not tell inbound") {
		t.Errorf("inbound in a file: %v", err)
	}
}

// TestFarJumps has targets farther than a conditional jump reaches.
func TestFarJumps(t *testing.T) {
	var list []string
	for i := range 150 {
		list = append(list, "tcp port "+strconv.Itoa(1000+i))
	}
	e, err := filter.Parse("not (" + strings.Join(list, " or ") + ")")
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Compile(filter.Target{Link: packet.LinkEthernet})
	if err != nil {
		t.Fatal(err)
	}
	for port, want := range map[uint16]bool{999: true, 1000: false, 1077: false, 1149: false, 1150: true} {
		b := packettest.Ethernet(0x0800, packettest.IP(hostA, hostB, 6, packettest.TCP{SrcPort: 5, DstPort: port}.Segment(hostA, hostB, nil)))
		if p.Match(b, len(b)) != want {
			t.Errorf("port %d: %v", port, !want)
		}
	}
}

// FuzzParse: an expression is refused with a place in it, or gives a program that our machine and that of x/net/bpf run alike.
func FuzzParse(f *testing.F) {
	frames := zoo(true)
	for i, e := range expressions {
		f.Add(e, frames[i%len(frames)])
	}
	f.Fuzz(func(t *testing.T, text string, frame []byte) {
		e, err := filter.Parse(text)
		if err != nil {
			var fe *filter.Error
			if !errors.As(err, &fe) || fe.Offset < 0 || fe.Offset > len(text) || fe.Reason == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		for _, link := range []packet.LinkType{packet.LinkEthernet, packet.LinkRaw, packet.LinkSLL, packet.LinkNull, packet.LinkPPP} {
			p, err := e.Compile(filter.Target{Link: link})
			if err != nil {
				continue
			}
			code, ok := bpf.Disassemble(p.Raw())
			if !ok {
				t.Fatalf("%q: the program does not disassemble", text)
			}
			vm, err := bpf.NewVM(code)
			if err != nil {
				continue // x/net refuses constant divisions by zero and such, which we refused before, or shifts
			}
			n, err := vm.Run(frame)
			if err == nil && (n > 0) != p.Match(frame, len(frame)) {
				t.Fatalf("%q on %s: x/net says %d, we say %v", text, link, n, p.Match(frame, len(frame)))
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	e, err := filter.Parse("tcp port 80 and not host 10.0.0.1")
	if err != nil {
		b.Fatal(err)
	}
	p, err := e.Compile(filter.Target{Link: packet.LinkEthernet})
	if err != nil {
		b.Fatal(err)
	}
	frame := zoo(false)[0]
	b.ReportAllocs()
	for b.Loop() {
		if !p.Match(frame, len(frame)) {
			b.Fatal("refused")
		}
	}
}
