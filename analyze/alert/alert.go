package alert

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"time"
)

// The detectors.
const (
	Signature = "signature"
	Intel     = "intel"
	YARA      = "yara"
)

// Alert is one finding.
type Alert struct {
	ID       [16]byte
	Time     time.Time // of the packet that completed the match
	Detector string    // Signature, Intel or YARA
	GID      uint32
	SID      uint32
	Rev      uint32
	Msg      string
	Class    string // classtype as text ("Web Application Attack"), "" when the rule has none
	Severity int    // 1 (worst) to 4, as Suricata counts; the rule's priority, at most 255
	Action   string // "allowed" or "blocked", as EVE says
	Proto    string // "TCP", "UDP", "ICMP", "IPv6-ICMP", or the protocol number
	AppProto string // in the words of the rule language, "" when not known
	Src, Dst netip.AddrPort
	FlowID   uint64
	// TxID is the transaction the match belongs to; HasTx tells whether there is one.
	TxID     uint64
	HasTx    bool
	Metadata map[string][]string
	// Indicator is the list entry that matched, for Intel; yara:rule for YARA.
	Indicator string
	// Count is how many matches this alert stands for; First and Last are the times of the first and the last of them.
	Count       uint64
	First, Last time.Time
	// PacketNumber is the packet's position in its source, from 1; 0 when there is none.
	PacketNumber uint64
}

// NewID makes an identifier that sorts by time: 48 bits of milliseconds, then random bits (UUID version 7, RFC 9562).
func NewID(at time.Time) (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails since Go 1.24
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}
