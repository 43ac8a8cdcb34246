package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gopacket/gopacket/afpacket"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"fengsui/capture/packet"
)

const (
	pollEvery  = 100 * time.Millisecond // so that cancelling takes effect soon
	idleTick   = time.Second            // a frame without data while nothing arrives
	statsEvery = time.Second
	frameSize  = 2048
)

// live is a Source that captures an interface through a TPACKET_V3 ring.
type live struct {
	iface  string
	opts   LiveOptions
	counts counts
}

// AFPacket returns a source that captures a network interface. Nothing is opened before Run.
func AFPacket(iface string, opts LiveOptions) Source {
	opts.fill()
	return &live{iface: iface, opts: opts}
}

// Counters implements Source.
func (s *live) Counters() Counters { return s.counts.load() }

// CheckInterface tells whether an interface exists, is up, has a link type we read, and whether we may capture it.
func CheckInterface(iface string) error {
	opts := LiveOptions{RingBytes: 1 << 20}
	opts.fill()
	s := live{iface: iface, opts: opts}
	h, _, err := s.open()
	if err != nil {
		return err
	}
	h.Close()
	return nil
}

func (s *live) open() (*afpacket.TPacket, packet.LinkType, error) {
	ifc, err := net.InterfaceByName(s.iface)
	if err != nil {
		return nil, 0, fmt.Errorf("capturing %s: no such interface; there are %s", s.iface, interfaceNames())
	}
	if ifc.Flags&net.FlagUp == 0 {
		return nil, 0, fmt.Errorf("capturing %s: the interface is down; run: ip link set %s up", s.iface, s.iface)
	}
	link, err := interfaceLink(s.iface)
	if err != nil {
		return nil, 0, err
	}
	blockSize := 1 << 20
	blocks := max(s.opts.RingBytes/blockSize, 1)
	h, err := afpacket.NewTPacket(
		afpacket.OptInterface(s.iface), afpacket.OptFrameSize(frameSize), afpacket.OptBlockSize(blockSize), afpacket.OptNumBlocks(blocks),
		afpacket.OptPollTimeout(pollEvery), afpacket.OptBlockTimeout(10*time.Millisecond), afpacket.OptAddVLANHeader(true),
		afpacket.SocketRaw, afpacket.TPacketVersion3,
	)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, 0, fmt.Errorf("capturing %s: %w: run as root, or give the program the capability: setcap cap_net_raw,cap_net_admin+ep FILE", s.iface, ErrRights)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("capturing %s: %w", s.iface, err)
	}
	if err := s.configure(h, ifc); err != nil {
		h.Close()
		return nil, 0, err
	}
	return h, link, nil
}

func (s *live) configure(h *afpacket.TPacket, ifc *net.Interface) error {
	filter := s.opts.Filter
	if filter == nil {
		// The loopback device shows every packet twice, going out and coming in: the first is refused. Elsewhere all
		// that is needed is the cut to SnapLen.
		skip := uint8(1)
		if ifc.Flags&net.FlagLoopback != 0 {
			skip = 0
		}
		var err error
		filter, err = bpf.Assemble([]bpf.Instruction{
			bpf.LoadExtension{Num: bpf.ExtType},
			bpf.Jump{Skip: uint32(skip)},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1},
			bpf.RetConstant{Val: uint32(s.opts.SnapLen)},
			bpf.RetConstant{Val: 0},
		})
		if err != nil {
			return fmt.Errorf("capturing %s: assembling filter: %w", s.iface, err)
		}
	}
	if err := h.SetBPF(filter); err != nil {
		return fmt.Errorf("capturing %s: attaching filter: %w", s.iface, err)
	}
	if !s.opts.NoPromisc && ifc.Flags&net.FlagLoopback == 0 {
		if err := h.SetPromiscuous(true); err != nil {
			return fmt.Errorf("capturing %s: promiscuous mode: %w", s.iface, err)
		}
	}
	if s.opts.FanoutGroup > 0 {
		if err := h.SetFanout(afpacket.FanoutHash, uint16(s.opts.FanoutGroup)); err != nil {
			return fmt.Errorf("capturing %s: joining fanout group %d: %w", s.iface, s.opts.FanoutGroup, err)
		}
	}
	return nil
}

// Run implements Source.
func (s *live) Run(ctx context.Context, emit func(*Frame) error) error {
	h, link, err := s.open()
	if err != nil {
		return err
	}
	defer h.Close()
	f := Frame{Link: link, Iface: s.iface}
	var asked, ticked time.Time
	for ctx.Err() == nil {
		data, info, err := h.ZeroCopyReadPacketData()
		switch {
		case errors.Is(err, afpacket.ErrTimeout):
			now := time.Now()
			s.kernelDrops(h, now, &asked)
			if now.Sub(ticked) >= idleTick {
				ticked = now
				f.Time, f.Data, f.OrigLen = now, nil, 0
				if err := emit(&f); err != nil {
					return err
				}
			}
			continue
		case errors.Is(err, afpacket.ErrPoll):
			return fmt.Errorf("capturing %s: the interface went away or down", s.iface)
		case err != nil:
			return fmt.Errorf("capturing %s: %w", s.iface, err)
		}
		f.Time, f.Data, f.OrigLen = info.Timestamp, data, max(info.Length, len(data))
		f.Number = s.counts.delivered(len(data))
		ticked = f.Time
		if f.Number&0x3ff == 0 {
			s.kernelDrops(h, f.Time, &asked)
		}
		if err := emit(&f); err != nil {
			return err
		}
	}
	s.kernelDrops(h, time.Now(), &time.Time{})
	return nil
}

func (s *live) kernelDrops(h *afpacket.TPacket, now time.Time, asked *time.Time) {
	if now.Sub(*asked) < statsEvery {
		return
	}
	*asked = now
	if _, v3, err := h.SocketStats(); err == nil {
		s.counts.drops.Store(uint64(v3.Drops()))
	}
}

// interfaceLink maps the kernel's device type (ARPHRD_*) to what a raw socket delivers.
func interfaceLink(iface string) (packet.LinkType, error) {
	b, err := os.ReadFile("/sys/class/net/" + iface + "/type")
	if err != nil {
		return 0, fmt.Errorf("capturing %s: reading its link type: %w", iface, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("capturing %s: link type %q is no number", iface, b)
	}
	switch n {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return packet.LinkEthernet, nil
	case unix.ARPHRD_NONE, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT, unix.ARPHRD_IPGRE, unix.ARPHRD_RAWIP:
		return packet.LinkRaw, nil
	case unix.ARPHRD_IEEE80211, unix.ARPHRD_IEEE80211_PRISM, unix.ARPHRD_IEEE80211_RADIOTAP:
		return 0, fmt.Errorf("capturing %s: %w: IEEE 802.11 monitor mode; capture the managed interface instead", iface, ErrLinkType)
	}
	return 0, fmt.Errorf("capturing %s: %w: device type %d", iface, ErrLinkType, n)
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
