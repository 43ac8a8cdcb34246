package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ring is one TPACKET_V3 ring: a socket, and blocks of memory that the kernel fills and hands over in turn
// (Documentation/networking/packet_mmap.rst). It belongs to one goroutine.
type ring struct {
	fd      int
	mem     []byte
	size    int // of a block
	blocks  int
	current int // block to be read next
	drops   uint64
}

// Offsets in struct tpacket_block_desc and struct tpacket3_hdr (linux/if_packet.h).
const (
	blockStatus, blockPackets, blockFirst = 8, 12, 16

	hdrNext, hdrSec, hdrNsec, hdrSnapLen, hdrLen = 0, 4, 8, 12, 16
	hdrStatus, hdrMAC, hdrTCI, hdrTPID           = 20, 24, 32, 36
	hdrBytes                                     = 48

	vlanRoom = 4 // kept free in front of each frame, so that a tag goes back without copying the frame
)

// native is the byte order of ring headers: that of the machine.
var native = binary.NativeEndian

func openRing(ifc *net.Interface, o *LiveOptions) (r *ring, err error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // protocol 0: nothing arrives before bind
	if err != nil {
		return nil, err
	}
	r = &ring{fd: fd, size: o.BlockBytes, blocks: max(o.RingBytes/o.BlockBytes, 2)}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("packet version: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_RESERVE, vlanRoom); err != nil {
		return nil, fmt.Errorf("reserve: %w", err)
	}
	req := unix.TpacketReq3{
		Block_size: uint32(r.size), Block_nr: uint32(r.blocks), Frame_size: 2048, Frame_nr: uint32(r.size / 2048 * r.blocks),
		Retire_blk_tov: uint32(max(o.BlockTimeout/time.Millisecond, 1)),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, fmt.Errorf("ring of %d KiB: %w", r.size*r.blocks>>10, err)
	}
	if r.mem, err = unix.Mmap(fd, 0, r.size*r.blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("mapping the ring: %w", err)
	}
	// Until every ring of the interface has joined the group, each would be given every packet: refuse all.
	if err := r.filter([]bpf.RawInstruction{{Op: 0x06}}); err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: native.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff}) /* in network order */, Ifindex: ifc.Index}); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if !o.NoPromisc && ifc.Flags&net.FlagLoopback == 0 {
		m := unix.PacketMreq{Ifindex: int32(ifc.Index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return nil, fmt.Errorf("promiscuous mode: %w", err)
		}
	}
	return r, nil
}

// filter puts a program in place of the one before.
func (r *ring) filter(code []bpf.RawInstruction) error {
	list := make([]unix.SockFilter, len(code))
	for i, c := range code {
		list[i] = unix.SockFilter{Code: c.Op, Jt: c.Jt, Jf: c.Jf, K: c.K}
	}
	prog := unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]}
	if err := unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
		return fmt.Errorf("attaching filter of %d instructions: %w", len(code), err)
	}
	return nil
}

// join makes the ring share its interface: packets go to one ring of the group by a hash of addresses and ports that is
// the same both ways. The kernel puts fragments together before it hashes, so that they follow their flow. fresh asks for a
// group nobody uses (which may be number 0); the group is returned.
func (r *ring) join(group int, fresh bool) (int, error) {
	kind := unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_DEFRAG
	if fresh {
		kind |= unix.PACKET_FANOUT_FLAG_UNIQUEID
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, kind<<16|group); err != nil {
		return 0, fmt.Errorf("joining a fanout group: %w", err)
	}
	got, err := unix.GetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return 0, fmt.Errorf("joining a fanout group: %w", err)
	}
	return got & 0xffff, nil
}

func (r *ring) close() {
	if r.mem != nil {
		_ = unix.Munmap(r.mem) // a mapping of ours cannot fail to go
		r.mem = nil
	}
	_ = unix.Close(r.fd) // nothing was written
}

// lost asks the kernel what it had no room for since the start.
func (r *ring) lost() uint64 {
	if st, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		r.drops += uint64(st.Drops) // asking sets the kernel's count to zero
	}
	return r.drops
}

var errDown = errors.New("the interface went away or down")

// wait returns true when the current block is ours, false when nothing came for d.
func (r *ring) wait(d time.Duration) (bool, error) {
	if r.status()&unix.TP_STATUS_USER != 0 {
		return true, nil
	}
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR}}
	if _, err := unix.Poll(fds, int(d/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("poll: %w", err)
	}
	if r.status()&unix.TP_STATUS_USER != 0 {
		return true, nil
	}
	if fds[0].Revents&(unix.POLLERR|unix.POLLNVAL) != 0 {
		return false, errDown
	}
	return false, nil
}

func (r *ring) word() *uint32 {
	return (*uint32)(unsafe.Pointer(&r.mem[r.current*r.size+blockStatus])) //nolint:gosec // shared with the kernel: needs an atomic access
}

func (r *ring) status() uint32 { return atomic.LoadUint32(r.word()) }

// release gives the current block back to the kernel.
func (r *ring) release() {
	atomic.StoreUint32(r.word(), unix.TP_STATUS_KERNEL)
	r.current = (r.current + 1) % r.blocks
}

// packets calls emit for each frame of the current block, which must be ours.
func (r *ring) packets(f *Frame, ethernet bool, emit func() error) error {
	block := r.mem[r.current*r.size : (r.current+1)*r.size]
	n := int(native.Uint32(block[blockPackets:]))
	at := int(native.Uint32(block[blockFirst:]))
	for range n {
		if at < 0 || at+hdrBytes > len(block) { // the kernel is trusted, but not with our memory
			return fmt.Errorf("the ring is damaged at byte %d", at)
		}
		h := block[at:]
		mac, size := int(native.Uint16(h[hdrMAC:])), int(native.Uint32(h[hdrSnapLen:]))
		if mac+size > len(h) {
			return fmt.Errorf("the ring is damaged at byte %d", at)
		}
		f.Time = time.Unix(int64(native.Uint32(h[hdrSec:])), int64(native.Uint32(h[hdrNsec:]))).UTC()
		f.Data, f.OrigLen = h[mac:mac+size:mac+size], max(int(native.Uint32(h[hdrLen:])), size)
		if st := native.Uint32(h[hdrStatus:]); st&unix.TP_STATUS_VLAN_VALID != 0 && ethernet && size >= 12 && mac >= hdrBytes+vlanRoom {
			tpid := uint16(unix.ETH_P_8021Q)
			if st&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
				tpid = native.Uint16(h[hdrTPID:])
			}
			f.Data = h[mac-vlanRoom : mac+size : mac+size]
			f.OrigLen += vlanRoom
			copy(f.Data, h[mac:mac+12])
			binary.BigEndian.PutUint16(f.Data[12:], tpid)
			binary.BigEndian.PutUint16(f.Data[14:], uint16(native.Uint32(h[hdrTCI:])))
		}
		if err := emit(); err != nil {
			return err
		}
		at += int(native.Uint32(h[hdrNext:]))
	}
	return nil
}
