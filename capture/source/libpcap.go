//go:build libpcap

package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gopacket/gopacket/pcap"

	"fengsui/capture/packet"
)

// libpcap is a Source that captures through libpcap: systems without AF_PACKET, and cards with a library of their own.
type libpcap struct {
	iface  string
	opts   LiveOptions
	counts counts
}

// Libpcap returns a source that captures a network interface through libpcap (build tag libpcap, needs cgo). RingBytes is
// its buffer; FanoutGroup has no meaning; the filter is libpcap's own.
func Libpcap(iface string, opts LiveOptions) Source {
	opts.fill()
	return &libpcap{iface: iface, opts: opts}
}

// Counters implements Source.
func (s *libpcap) Counters() Counters { return s.counts.load() }

func (s *libpcap) open() (*pcap.Handle, error) {
	in, err := pcap.NewInactiveHandle(s.iface)
	if err != nil {
		return nil, err
	}
	defer in.CleanUp()
	for _, err := range []error{
		in.SetSnapLen(s.opts.SnapLen), in.SetPromisc(!s.opts.NoPromisc), in.SetTimeout(pollEveryPcap), in.SetBufferSize(s.opts.RingBytes),
	} {
		if err != nil {
			return nil, err
		}
	}
	h, err := in.Activate()
	if err != nil {
		return nil, err
	}
	if s.opts.Filter != "" {
		if err := h.SetBPFFilter(s.opts.Filter); err != nil {
			h.Close()
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	return h, nil
}

const pollEveryPcap = 100 * time.Millisecond

// Run implements Source.
func (s *libpcap) Run(ctx context.Context, emit func(*Frame) error) error {
	h, err := s.open()
	if err != nil {
		return fmt.Errorf("capturing %s: %w", s.iface, err)
	}
	defer h.Close()
	defer s.counts.publish()
	f := Frame{Link: packet.LinkType(h.LinkType()), Iface: s.iface}
	if !f.Link.Supported() {
		return fmt.Errorf("capturing %s: %w: %s", s.iface, ErrLinkType, f.Link)
	}
	ticked := time.Now()
	for ctx.Err() == nil {
		data, info, err := h.ZeroCopyReadPacketData()
		switch {
		case errors.Is(err, pcap.NextErrorTimeoutExpired):
			now := time.Now()
			s.drops(h)
			s.counts.publish()
			if now.Sub(ticked) < time.Second {
				continue
			}
			ticked = now
			f.Time, f.Data, f.OrigLen = now.UTC(), nil, 0
		case err != nil:
			return fmt.Errorf("capturing %s: %w", s.iface, err)
		default:
			f.Time, f.Data, f.OrigLen = info.Timestamp.UTC(), data, max(info.Length, len(data))
			ticked = f.Time
			f.Number = s.counts.delivered(len(data))
		}
		if err := emit(&f); err != nil {
			return err
		}
	}
	s.drops(h)
	return nil
}

func (s *libpcap) drops(h *pcap.Handle) {
	if st, err := h.Stats(); err == nil {
		s.counts.drops.Store(uint64(st.PacketsDropped) + uint64(st.PacketsIfDropped))
	}
}
