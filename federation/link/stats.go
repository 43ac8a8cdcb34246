package link

import (
	"sync/atomic"
	"time"

	"fengsui/gmcrypto/identity"
)

// Reasons under which failed handshakes and streams are counted.
type failReason int

const (
	reasonUnreachable failReason = iota
	reasonTimeout
	reasonUntrusted
	reasonRefused
	reasonMalformed
	reasonBusy
	reasonSelf
	reasonAbandoned // the dialler found another connection
	reasonCount
)

var failReasonNames = [reasonCount]string{"unreachable", "timeout", "untrusted", "refused", "malformed", "busy", "self", "abandoned"}

// stats are the transport's counters.
type stats struct {
	dialed, accepted                       atomic.Uint64
	failures                               [reasonCount]atomic.Uint64
	retries                                atomic.Uint64
	closed, retired, superseded, revoked   atomic.Uint64
	streamsOpened, streamsAccepted         atomic.Uint64
	streamsActive                          atomic.Int64
	streamsRefused                         atomic.Uint64
	panics                                 atomic.Uint64
	datagramsSent, datagramsReceived       atomic.Uint64
	datagramsDropped, datagramsUndecodable atomic.Uint64
	bytesSent, bytesReceived               atomic.Uint64
}

func (s *stats) failed(r failReason) { s.failures[r].Add(1) }

// Stats is a snapshot of a transport's counters since Open, and of its present state. Bytes are plaintext of streams
// and datagrams, kinds and control streams included.
type Stats struct {
	Connections int // authenticated and standing, retiring ones included
	Retiring    int // of those, waiting for their last streams
	Handshaking int // unauthenticated, incoming
	Dialing     int // outgoing, not yet standing

	Dialed, Accepted             uint64            // handshakes that succeeded
	HandshakesFailed             map[string]uint64 // by reason; both directions
	Retries                      uint64            // address proofs demanded
	Closed                       uint64            // connections ended for any reason
	Retired, Superseded, Revoked uint64            // of those, by these reasons
	StreamsOpened                uint64            // by us
	StreamsAccepted              uint64            // by a handler
	StreamsActive                int64             // both directions
	StreamsRefused               uint64            // unknown kind, not allowed, too many, no kind in time
	HandlerPanics                uint64
	DatagramsSent, DatagramsRecv uint64
	DatagramsDropped             uint64 // queue full, no connection, or no handler
	DatagramsUndecodable         uint64 // not sealed by the peer, or replayed
	BytesSent, BytesReceived     uint64
	Peers                        []PeerStats
}

// PeerStats is one standing connection.
type PeerStats struct {
	Site      identity.Site
	Node      string
	Role      identity.Role
	Dialed    bool // by us
	Retiring  bool
	Silent    time.Duration // since the last packet was seen, to 250 ms
	RTT       time.Duration // smoothed
	Streams   int
	BytesSent uint64 // on the wire, carrier included
	BytesRecv uint64
	Lost      uint64 // packets declared lost
}

// Stats takes a snapshot.
func (t *Transport) Stats() Stats {
	s := &t.stats
	out := Stats{
		Handshaking:          t.gate.waiting(),
		Dialed:               s.dialed.Load(),
		Accepted:             s.accepted.Load(),
		HandshakesFailed:     make(map[string]uint64, reasonCount),
		Retries:              s.retries.Load(),
		Closed:               s.closed.Load(),
		Retired:              s.retired.Load(),
		Superseded:           s.superseded.Load(),
		Revoked:              s.revoked.Load(),
		StreamsOpened:        s.streamsOpened.Load(),
		StreamsAccepted:      s.streamsAccepted.Load(),
		StreamsActive:        s.streamsActive.Load(),
		StreamsRefused:       s.streamsRefused.Load(),
		HandlerPanics:        s.panics.Load(),
		DatagramsSent:        s.datagramsSent.Load(),
		DatagramsRecv:        s.datagramsReceived.Load(),
		DatagramsDropped:     s.datagramsDropped.Load(),
		DatagramsUndecodable: s.datagramsUndecodable.Load(),
		BytesSent:            s.bytesSent.Load(),
		BytesReceived:        s.bytesReceived.Load(),
	}
	for r, name := range failReasonNames {
		out.HandshakesFailed[name] = s.failures[r].Load()
	}
	conns, dialing := t.registry.snapshot()
	out.Connections, out.Dialing = len(conns), dialing
	for _, c := range conns {
		p := c.peerStats()
		if p.Retiring {
			out.Retiring++
		}
		out.Peers = append(out.Peers, p)
	}
	return out
}
