package channel

import (
	"encoding/binary"
	"net"
	"sync"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Session is the outcome of a handshake: a proven peer and the keys agreed with
// it. Safe for concurrent use.
type Session struct {
	client    bool
	peer      identity.Peer
	datagrams *Datagrams
	buffers   bufferPool

	mu        sync.Mutex // guards what follows
	master    [32]byte
	exporter  [32]byte
	used      [4]streamWindow
	destroyed bool
}

// newSession derives the session's secrets from K. The transcript hash is in
// the info, the prologue hash (with the carrier binding) is the salt.
func newSession(client bool, peer identity.Peer, key *[32]byte, salt, transcript []byte) *Session {
	s := &Session{client: client, peer: peer}
	copy(s.master[:], gmcrypto.HKDFSM3(key[:], salt, labelMaster+string(transcript), 32))
	copy(s.exporter[:], gmcrypto.HKDFSM3(key[:], salt, labelExporter+string(transcript), 32))
	fromClient, fromServer := split(gmcrypto.HKDFSM3(s.master[:], nil, labelDatagram, 64))
	if client {
		s.datagrams = newDatagrams(fromClient, fromServer)
	} else {
		s.datagrams = newDatagrams(fromServer, fromClient)
	}
	return s
}

// split gives the secrets of the two directions: from the client, from the server.
func split(b []byte) (fromClient, fromServer [32]byte) {
	copy(fromClient[:], b[:32])
	copy(fromServer[:], b[32:])
	clear(b)
	return fromClient, fromServer
}

// Peer is who the handshake proved the other side to be.
func (s *Session) Peer() identity.Peer { return s.peer }

// IsClient reports whether this side was the channel's client.
func (s *Session) IsClient() bool { return s.client }

// Datagrams returns the session's one pair of datagram keys and counters.
func (s *Session) Datagrams() *Datagrams { return s.datagrams }

// Export derives n bytes (at most 8160) that only the two ends know, for binding
// other protocols to this session. Different labels give unrelated bytes. After
// Destroy it returns nil.
func (s *Session) Export(label string, n int) []byte {
	s.mu.Lock()
	secret, destroyed := s.exporter, s.destroyed
	s.mu.Unlock()
	if destroyed {
		return nil
	}
	defer clear(secret[:])
	return gmcrypto.HKDFSM3(secret[:], nil, labelExport+label, n)
}

// Stream puts records on c, which it owns from then on. id names the stream;
// both ends give the same, and each id at most once in a session: a repeated id
// would repeat keys, so the Conn then returned fails with ErrStreamReused.
// (QUIC stream ids are unique by themselves. In each of the four classes of ids
// that agree in their two lowest bits, an id that lies 8192 or more behind the
// highest one used is refused likewise.)
//
// initiator says whether this side was the channel's client, not who opened the
// stream; a wrong answer gives a Conn that fails with ErrRole.
func (s *Session) Stream(c net.Conn, id uint64, initiator bool) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.destroyed:
		return brokenConn(c, ErrDestroyed)
	case initiator != s.client:
		return brokenConn(c, ErrRole)
	case !s.used[id&3].claim(id >> 2):
		return brokenConn(c, ErrStreamReused)
	}
	info := binary.BigEndian.AppendUint64([]byte(labelStream), id)
	fromClient, fromServer := split(gmcrypto.HKDFSM3(s.master[:], nil, string(info), 64))
	if s.client {
		return newConn(c, &s.buffers, fromServer, fromClient)
	}
	return newConn(c, &s.buffers, fromClient, fromServer)
}

// Destroy wipes the secrets from which streams and exports are derived: no new
// stream can be opened, nothing exported. Open streams and datagrams go on. Idempotent.
func (s *Session) Destroy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.destroyed = true
	clear(s.master[:])
	clear(s.exporter[:])
}

// streamWindow remembers which of the latest stream numbers were used.
type streamWindow struct {
	next uint64 // one above the highest number used
	bits [streamWindowSize / 64]uint64
}

const streamWindowSize = 8192

// claim reports whether n was free, and takes it.
func (w *streamWindow) claim(n uint64) bool {
	switch {
	case n >= w.next:
		if n-w.next >= streamWindowSize {
			clear(w.bits[:])
		} else {
			for i := w.next; i < n; i++ { // numbers skipped are free again
				w.bits[i/64%uint64(len(w.bits))] &^= 1 << (i % 64)
			}
		}
		w.next = n + 1
	case w.next-n > streamWindowSize:
		return false
	case w.bits[n/64%uint64(len(w.bits))]&(1<<(n%64)) != 0:
		return false
	}
	w.bits[n/64%uint64(len(w.bits))] |= 1 << (n % 64)
	return true
}
