package ssh

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// packet wraps a payload as RFC 4253 6 says.
func packet(payload []byte) []byte {
	padding := 8 - (len(payload)+5)%8 + 4
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	b = append(b, byte(padding))
	b = append(b, payload...)
	return append(b, make([]byte, padding)...)
}

// kexInit makes a KEXINIT of these lists, in the order of RFC 4253 7.1.
func kexInit(lists ...string) []byte {
	b := append([]byte{msgKexInit}, make([]byte, cookieBytes)...)
	for _, l := range lists {
		b = binary.BigEndian.AppendUint32(b, uint32(len(l)))
		b = append(b, l...)
	}
	return packet(append(b, 0, 0, 0, 0, 0))
}

// Both sides of a session: the notice lines before the server's banner are those RFC 4253 4.2 allows.
var (
	clientSide = "SSH-2.0-OpenSSH_9.6 Ubuntu-3\r\n" +
		string(kexInit("curve25519-sha256,ext-info-c", "ssh-ed25519", "aes256-ctr", "aes128-ctr", "hmac-c", "hmac-s", "none", "zlib", "", "")) +
		string(packet([]byte{30, 1, 2, 3})) + string(packet([]byte{msgNewKeys})) + "\x99\x12\x77 encrypted"
	serverSide = "Welcome.\r\nNo dogs.\nSSH-1.99-dropbear\n" +
		string(kexInit("curve25519-sha256", "ssh-rsa", "aes256-ctr", "aes128-ctr", "hmac-c", "hmac-s", "none", "zlib", "", "")) +
		string(packet([]byte{31, 9, 9, 9})) + string(packet([]byte{msgNewKeys})) + "\x01\x02"
)

func hash(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestSession(t *testing.T) {
	for piece := 1; piece < 700; piece = piece*3 + 1 {
		d := prototest.New(New(false))
		feed := func(dir flow.Direction, s string) {
			for len(s) > 0 {
				n := min(piece, len(s))
				d.Feed(dir, []byte(s[:n]))
				s = s[n:]
			}
		}
		feed(flow.ToServer, clientSide)
		feed(flow.ToClient, serverSide)
		x := d.Live.List[0].(*Transaction)
		c, s := &x.Ident[0], &x.Ident[1]
		if string(c.Proto) != "2.0" || string(c.Software) != "OpenSSH_9.6" || string(c.Comments) != "Ubuntu-3" || string(c.Line) != "SSH-2.0-OpenSSH_9.6 Ubuntu-3" {
			t.Errorf("client %q", c.Line)
		}
		if string(s.Proto) != "1.99" || string(s.Software) != "dropbear" || s.Comments != nil {
			t.Errorf("server %q", s.Line)
		}
		if want := "curve25519-sha256,ext-info-c;aes256-ctr;hmac-c;none"; string(x.Offer[0].HASSHString) != want || string(x.Offer[0].HASSH) != hash(want) {
			t.Errorf("HASSH %s of %s", x.Offer[0].HASSH, x.Offer[0].HASSHString)
		}
		if want := "curve25519-sha256;aes128-ctr;hmac-s;zlib"; string(x.Offer[1].HASSHString) != want || string(x.Offer[1].HASSH) != hash(want) {
			t.Errorf("HASSHServer %s of %s", x.Offer[1].HASSH, x.Offer[1].HASSHString)
		}
		if d.Verdict != proto.Stop || !x.Complete(0) || !x.Complete(1) || x.Encrypted != [2]bool{true, true} || len(x.Anomalies) != 0 {
			t.Errorf("pieces of %d: verdict %v, progress %v, %v", piece, d.Verdict, x.progress, x.Anomalies)
		}
	}
}

func TestBroken(t *testing.T) {
	f := func(name, anomaly string, dir flow.Direction, b string) {
		t.Helper()
		d := prototest.New(New(false))
		d.Feed(dir, []byte(b))
		d.End()
		x := d.Live.List[0].(*Transaction)
		if anomaly == "" && len(x.Anomalies) > 0 || anomaly != "" && !slices.Contains(x.Anomalies, anomaly) {
			t.Errorf("%s: %v, want %s", name, x.Anomalies, anomaly)
		}
		if !x.Complete(0) || !x.Complete(1) {
			t.Errorf("%s: not complete at the end", name)
		}
	}
	f("no version", "invalid_banner", 0, "SSH-2.0\r\n")
	f("no software", "invalid_banner", 0, "SSH-2.0-\r\n")
	f("something before a client's banner", "invalid_banner", 0, "hello\r\nSSH-2.0-a\r\n")
	f("notices without end", "invalid_banner", 1, strings.Repeat("x\r\n", noticesMax+1)+"SSH-2.0-a\r\n")
	f("long banner", "long_banner", 1, "SSH-2.0-a"+strings.Repeat("b", 300)+"\r\n")
	f("length of nothing", "invalid_record", 0, "SSH-2.0-a\r\n\x00\x00\x00\x00\x00\x00")
	f("length of everything", "invalid_record", 0, "SSH-2.0-a\r\n\xff\xff\xff\xff\x00\x14")
	f("padding longer than the packet", "invalid_record", 0, "SSH-2.0-a\r\n\x00\x00\x00\x0c\xff\x14")
	f("list longer than the packet", "invalid_record", 0, "SSH-2.0-a\r\n"+string(packet(append(append([]byte{msgKexInit}, make([]byte, 16)...), 0xff, 0xff, 0xff, 0xff))))
	f("large offer", "long_kex_record", 0, "SSH-2.0-a\r\n\x00\x01\x10\x00\x04\x14")
	f("no line end", "", 1, "SSH-2.0-OpenSSH_1")
	f("SSH 1", "", 1, "SSH-1.5-OpenSSH_1\n\x00\x00\x00\x00\x00\x00")
}

// TestLongBanner asks that what follows a line that is too long is read.
func TestLongBanner(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(0, []byte("SSH-2.0-soft "+strings.Repeat("c", 500)+"\r\n"+clientSide[strings.Index(clientSide, "\n")+1:]))
	x := d.Live.List[0].(*Transaction)
	if string(x.Ident[0].Software) != "soft" || !x.Offer[0].Seen || !x.Encrypted[0] {
		t.Errorf("%+v", x.Ident[0])
	}
}

func TestGap(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(0, []byte("SSH-2.0-a\r\n\x00\x00\x10\x00\x04\x1e..."))
	d.Gap(0, 100)
	d.Feed(0, make([]byte, 0x1000+4-9-100))
	d.Feed(0, packet([]byte{msgNewKeys}))
	if x := d.Live.List[0].(*Transaction); !x.Encrypted[0] {
		t.Error("a gap inside a packet that is passed over must not matter")
	}
	d = prototest.New(New(false))
	d.Feed(0, []byte("SSH-2.0-a\r\n"))
	d.Gap(0, 1)
	if x := d.Live.List[0].(*Transaction); !x.Complete(0) || x.Complete(1) {
		t.Error("a gap before a packet ends the reading of that side only")
	}
}

func TestRecognise(t *testing.T) {
	for data, want := range map[string]proto.Match{"SSH-2.0-x\r\n": proto.Yes, "SS": proto.Maybe, "220 x": proto.No, "ssh-": proto.No} {
		if got := Recognise(&proto.Probe{Dir: flow.ToClient, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(flow.ToServer, clientSide), prototest.Pack(flow.ToClient, serverSide)...))
	f.Add(prototest.Pack(flow.ToClient, "SSH-1.5-x\n\x00\x00\x00\x00\x00\x00"))
	f.Add(prototest.Pack(flow.ToServer, "SSH-2.0-"+strings.Repeat("x", 600)+"\r\n\x00\x01\x10\x00\x04\x14"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		for _, l := range d.Live.List {
			for _, a := range l.Base().Anomalies {
				if !slices.Contains(Anomalies, a) {
					t.Fatalf("anomaly %q is not published", a)
				}
			}
			if d.Verdict == proto.Continue && (!l.Complete(0) || !l.Complete(1)) {
				t.Fatal("not complete at the end")
			}
		}
	})
}
