package zone

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fengsui/capture/event"
)

const example = `# a government cloud
office    in-vpc     10.1.0.0/16
lab       in-vpc     10.1.7.0/24      # a longer prefix inside the office
tenant-a  in-vpc     vni:7001 172.16.0.0/12
tenant-b  in-vpc     vni:7002 172.16.0.0/12
transit   inter-vpc  vni:9000 vlan:900
admin     management vlan:99 192.168.0.0/16
admin     management 10.255.0.0/24 vlan:98
服务区      boundary   203.0.113.0/24 2001:db8:1::/48
one       in-vpc     198.51.100.9 2001:db8::1
`

func table(t testing.TB) *Table {
	t.Helper()
	zones, err := Parse("zones", example)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := New(zones)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestPaths(t *testing.T) {
	tab := table(t)
	for _, c := range []struct {
		src, dst  string
		vlan      uint16
		vni       uint32
		from, to  string
		class     Kind
		direction string
		way       string
	}{
		{"10.1.2.3", "10.1.9.9", 0, 0, "office", "office", InVPC, "east-west", "internal"},
		{"10.1.2.3", "10.1.7.9", 0, 0, "office", "lab", InterVPC, "east-west", "internal"},
		{"10.1.2.3", "8.8.8.8", 0, 0, "office", "", Boundary, "north-south", "outbound"},
		{"8.8.8.8", "203.0.113.7", 0, 0, "", "服务区", Boundary, "north-south", "inbound"},
		{"10.1.2.3", "2001:db8:1:2::3", 0, 0, "office", "服务区", Boundary, "north-south", "internal"},
		{"172.16.1.1", "172.17.1.1", 0, 7001, "tenant-a", "tenant-a", InVPC, "east-west", "internal"},
		{"172.16.1.1", "172.17.1.1", 0, 7002, "tenant-b", "tenant-b", InVPC, "east-west", "internal"},
		{"172.16.1.1", "172.17.1.1", 0, 0, "", "", None, "", "external"},
		{"172.16.1.1", "8.8.8.8", 0, 9000, "transit", "transit", InterVPC, "east-west", "internal"},
		{"1.1.1.1", "10.1.2.3", 900, 0, "transit", "office", InterVPC, "east-west", "internal"},
		{"192.168.1.1", "10.1.2.3", 99, 0, "admin", "office", Management, "north-south", "internal"},
		{"192.168.1.1", "10.1.2.3", 0, 0, "", "office", Boundary, "north-south", "inbound"},
		{"8.8.8.8", "10.255.0.9", 98, 0, "", "admin", Management, "north-south", "inbound"},
		{"198.51.100.9", "2001:db8::1", 0, 0, "one", "one", InVPC, "east-west", "internal"},
		{"198.51.100.8", "2001:db8::2", 0, 0, "", "", None, "", "external"},
		{"::ffff:10.1.2.3", "10.1.2.4", 0, 0, "office", "office", InVPC, "east-west", "internal"},
	} {
		p := tab.Path(netip.MustParseAddr(c.src), netip.MustParseAddr(c.dst), c.vlan, c.vni)
		from, to := p.Names()
		if from != c.from || to != c.to || p.Class != c.class || p.Class.Direction() != c.direction || p.Way() != c.way {
			t.Errorf("%s > %s, VLAN %d, VNI %d: %q > %q, %s, %s, %s", c.src, c.dst, c.vlan, c.vni, from, to, p.Class, p.Class.Direction(), p.Way())
		}
	}
	var none *Table
	if p := none.Path(netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("1.1.1.2"), 0, 0); p.Class != None {
		t.Errorf("no table: %+v", p)
	}
}

// TestLongestPrefix compares the trie with a search through all networks.
func TestLongestPrefix(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() netip.Addr {
		if rng.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(rng.IntN(3)), byte(rng.IntN(4)), byte(rng.IntN(256))})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, 13, byte(rng.IntN(2)), 14: byte(rng.IntN(4)), 15: byte(rng.IntN(256))})
	}
	var tr trie
	nets := map[netip.Prefix]int{}
	for i := range 400 {
		a := random()
		p := netip.PrefixFrom(a, rng.IntN(a.BitLen()+1)).Masked()
		if _, again := nets[p]; !again {
			nets[p] = i + 1
			if !tr.add(p, i+1) {
				t.Fatalf("%s was refused", p)
			}
		} else if tr.add(p, i+1) {
			t.Fatalf("%s was taken twice", p)
		}
	}
	for range 20000 {
		a := random()
		want, bits := 0, -1
		for p, z := range nets {
			if p.Contains(a) && p.Bits() > bits {
				want, bits = z, p.Bits()
			}
		}
		if got := tr.find(a); got != want {
			t.Fatalf("%s is in %d, found %d", a, want, got)
		}
	}
}

func TestRefusedFiles(t *testing.T) {
	for text, want := range map[string]string{
		"office":                                   "zones:1:1: a zone has a name",
		"office in-vpc":                            "zones:1:8: a zone has a name",
		"\n  office\tcloud 10.0.0.0/8":             `zones:2:10: kind "cloud"`,
		"a in-vpc 10.0.0.0/8\na boundary vlan:3":   "zones:2:3: zone a is in-vpc above",
		"a in-vpc 10.0.0.1/8":                      "zones:1:10: 10.0.0.1/8 has bits set behind its prefix; write 10.0.0.0/8",
		"a in-vpc vlan:4095":                       "no VLAN",
		"a in-vpc vni:0":                           "no VNI",
		"a in-vpc example.org":                     "is no network",
		"a in-vpc ::ffff:10.0.0.0/104":             "written as IPv6",
		strings.Repeat("a", 65) + " in-vpc vlan:1": "zones:1:1: the name",
		"a in-vpc fe80::1%eth0":                    "is no network",
	} {
		_, err := Parse("zones", text)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"a in-vpc 10.0.0.0/8\nb in-vpc 10.0.0.0/8":             "10.0.0.0/8 already belongs",
		"a in-vpc vlan:5\nb in-vpc vlan:5":                     "VLAN 5 already belongs",
		"a in-vpc vni:5\nb in-vpc vni:5":                       "already belongs",
		"a in-vpc vni:5 10.0.0.0/8\nb in-vpc vni:5 10.0.0.0/8": "with the same tag",
	} {
		zones, err := Parse("zones", text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(zones); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := New(make([]Zone, zonesMax+1)); err == nil {
		t.Error("too many zones were taken")
	}
	if _, err := New([]Zone{{Name: "x", Kind: InVPC}}); err == nil {
		t.Error("a zone without members was taken")
	}
}

type keep struct{ list []*event.Event }

func (k *keep) Event(e *event.Event) { k.list = append(k.list, e.Clone()) }

func TestEventsAreTagged(t *testing.T) {
	var k keep
	s := NewSink(table(t), &k)
	var e event.Event
	e.Reset(event.KindFlow, time.Unix(1, 0))
	e.Str(event.SourceIP, "172.16.0.1")
	e.Str(event.DestinationIP, "172.16.0.2")
	e.Uint(event.NetworkVLAN, 99)
	e.Uint(event.NetworkInnerVLAN, 5)
	e.Uint(event.NetworkVNI, 7002)
	s.Event(&e)
	e.Reset(event.KindFlow, time.Unix(1, 0))
	s.Event(&e)
	got := k.list[0]
	for field, want := range map[string]string{
		event.ObserverIngressZone: "tenant-b", event.ObserverEgressZone: "tenant-b", event.ZoneClass: "in-vpc", event.ZoneDirection: "east-west", event.NetworkDirection: "internal",
	} {
		if got.Text(field) != want {
			t.Errorf("%s is %q, want %q", field, got.Text(field), want)
		}
	}
	if len(k.list) != 2 || len(k.list[1].Fields) != 0 {
		t.Errorf("an event without addresses: %+v", k.list[len(k.list)-1])
	}
}

// FuzzParse: a zone file is refused with a place in it, or makes a table (or one that is refused), and what it says is found.
func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add("a in-vpc 0.0.0.0/0 ::/0\nb boundary vlan:1 vni:1 10.0.0.0/8")
	f.Fuzz(func(t *testing.T, text string) {
		zones, err := Parse("zones", text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		tab, err := New(zones)
		if err != nil {
			return
		}
		for i := range zones {
			z := &zones[i]
			vlan, vni := uint16(0), uint32(0)
			if len(z.VLANs) > 0 {
				vlan = z.VLANs[0]
			} else if len(z.VNIs) > 0 {
				vni = z.VNIs[0]
			}
			for _, n := range z.Networks {
				got := tab.Find(n.Addr(), vlan, vni)
				if got == nil || !slices.ContainsFunc(got.Networks, func(p netip.Prefix) bool { return p.Contains(n.Addr()) }) {
					t.Fatalf("%s of %s is found in %+v", n, z.Name, got)
				}
			}
		}
	})
}

func BenchmarkPath(b *testing.B) {
	tab := table(b)
	src, dst := netip.MustParseAddr("10.1.7.3"), netip.MustParseAddr("2001:db8::1")
	b.ReportAllocs()
	for b.Loop() {
		if tab.Path(src, dst, 5, 0).Class != InterVPC {
			b.Fatal("wrong")
		}
	}
}
