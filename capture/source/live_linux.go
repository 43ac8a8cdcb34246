package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"fengsui/capture/packet"
)

const (
	pollEvery  = 100 * time.Millisecond // so that cancelling takes effect soon
	idleTick   = time.Second            // a frame without data while nothing arrives
	statsEvery = time.Second
)

// tap is an interface that one or several sources share.
type tap struct {
	iface string
	opts  LiveOptions

	once  sync.Once
	err   error
	link  packet.LinkType
	rings []*ring
}

// live is a Source that captures an interface through a TPACKET_V3 ring.
type live struct {
	tap    *tap
	index  int
	counts counts
}

// Live returns sources that share the traffic of a network interface, each packet going to one of them and the packets
// of a flow always to the same. Nothing is opened before the first Run; then all rings are, so all sources must be run.
// CheckInterface tells beforehand whether that will do.
func Live(iface string, rings int, opts LiveOptions) []Source {
	opts.fill()
	t := &tap{iface: iface, opts: opts, rings: make([]*ring, max(rings, 1))}
	list := make([]Source, len(t.rings))
	for i := range list {
		list[i] = &live{tap: t, index: i}
	}
	return list
}

// CheckInterface tells whether an interface exists, is up, has a link type we read, and whether we may capture it.
func CheckInterface(iface string) error {
	opts := LiveOptions{RingBytes: 1, SnapLen: 2048, NoPromisc: true}
	opts.fill()
	t := tap{iface: iface, opts: opts, rings: make([]*ring, 1)}
	t.open()
	t.close()
	return t.err
}

// Counters implements Source.
func (s *live) Counters() Counters { return s.counts.load() }

func (t *tap) open() {
	t.once.Do(func() {
		if t.err = t.openAll(); t.err != nil {
			t.close()
			t.err = fmt.Errorf("capturing %s: %w", t.iface, t.err)
		}
	})
}

func (t *tap) close() {
	for i, r := range t.rings {
		if r != nil {
			r.close()
			t.rings[i] = nil
		}
	}
}

func (t *tap) openAll() error {
	ifc, err := net.InterfaceByName(t.iface)
	if err != nil {
		return fmt.Errorf("no such interface; there are %s", interfaceNames())
	}
	if ifc.Flags&net.FlagUp == 0 {
		return fmt.Errorf("the interface is down; run: ip link set %s up", t.iface)
	}
	if t.link, err = interfaceLink(t.iface); err != nil {
		return err
	}
	program, err := t.opts.program(t.link)
	if err != nil {
		return err
	}
	group := t.opts.FanoutGroup
	for i := range t.rings {
		if t.rings[i], err = openRing(ifc, &t.opts); err != nil {
			if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
				return fmt.Errorf("%w: run as root, or give the program the capability: setcap cap_net_raw,cap_net_admin+ep FILE", ErrRights)
			}
			return err
		}
		if len(t.rings) > 1 || t.opts.FanoutGroup > 0 {
			if group, err = t.rings[i].join(group, i == 0 && t.opts.FanoutGroup == 0); err != nil {
				return err
			}
		}
	}
	code := program.Raw()
	if ifc.Flags&net.FlagLoopback != 0 {
		// The loopback device shows every packet twice, going out and coming in: the first is refused.
		skip, err := bpf.Assemble([]bpf.Instruction{
			bpf.LoadExtension{Num: bpf.ExtType}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1}, bpf.RetConstant{Val: 0},
		})
		if err != nil {
			return fmt.Errorf("assembling filter: %w", err)
		}
		code = append(skip, code...)
	}
	for _, r := range t.rings {
		if err := r.filter(code); err != nil {
			return err
		}
	}
	return nil
}

// Run implements Source.
func (s *live) Run(ctx context.Context, emit func(*Frame) error) error {
	s.tap.open()
	if s.tap.err != nil {
		return s.tap.err
	}
	r := s.tap.rings[s.index]
	defer r.close()
	defer s.counts.publish()
	f := Frame{Link: s.tap.link, Iface: s.tap.iface}
	ethernet := s.tap.link == packet.LinkEthernet
	asked, ticked := time.Now(), time.Now()
	stopped := errors.New("stopped")
	deliver := func() error {
		if ctx.Err() != nil {
			return stopped
		}
		f.Number = s.counts.delivered(len(f.Data))
		return emit(&f)
	}
	for ctx.Err() == nil {
		ready, err := r.wait(pollEvery)
		if err != nil {
			return fmt.Errorf("capturing %s: %w", s.tap.iface, err)
		}
		if ready {
			err := r.packets(&f, ethernet, deliver)
			r.release()
			s.counts.publish()
			switch {
			case errors.Is(err, stopped):
			case err != nil:
				return err
			}
		}
		now := time.Now()
		if now.Sub(asked) >= statsEvery {
			asked = now
			s.counts.drops.Store(r.lost())
		}
		if ready {
			ticked = now
		} else if now.Sub(ticked) >= idleTick {
			ticked = now
			f.Time, f.Data, f.OrigLen = now.UTC(), nil, 0
			if err := emit(&f); err != nil {
				return err
			}
		}
	}
	s.counts.drops.Store(r.lost())
	return nil
}

// interfaceLink maps the kernel's device type (ARPHRD_*) to what a raw socket delivers.
func interfaceLink(iface string) (packet.LinkType, error) {
	n, err := deviceType(iface)
	if err != nil {
		return 0, fmt.Errorf("reading its link type: %w", err)
	}
	switch n {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return packet.LinkEthernet, nil
	case unix.ARPHRD_NONE, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT, unix.ARPHRD_IPGRE, unix.ARPHRD_RAWIP:
		return packet.LinkRaw, nil
	case unix.ARPHRD_IEEE80211, unix.ARPHRD_IEEE80211_PRISM, unix.ARPHRD_IEEE80211_RADIOTAP:
		return 0, fmt.Errorf("%w: IEEE 802.11 monitor mode; capture the managed interface instead", ErrLinkType)
	}
	return 0, fmt.Errorf("%w: device type %d", ErrLinkType, n)
}

// deviceType asks the kernel, and not /sys: that shows the namespace it was mounted in.
func deviceType(iface string) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b, readErr := os.ReadFile("/sys/class/net/" + iface + "/type") // without the right to capture, which is told later
		if readErr != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(string(b)))
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	req, err := unix.NewIfreq(iface)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, req); err != nil {
		return 0, err
	}
	return int(req.Uint16()), nil // sa_family of the hardware address
}

func interfaceNames() string {
	list, err := net.Interfaces()
	if err != nil || len(list) == 0 {
		return "none"
	}
	names := make([]string, 0, len(list))
	for _, i := range list {
		names = append(names, i.Name)
	}
	return strings.Join(names, ", ")
}
