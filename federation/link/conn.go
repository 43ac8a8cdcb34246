package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/channel"
	"fengsui/gmcrypto/identity"
)

// conn is one authenticated connection.
type conn struct {
	t    *Transport
	q    *quic.Conn
	sess *channel.Session
	seal *channel.Datagrams

	peer     identity.Peer
	key      peerKey
	print    gmcrypto.Fingerprint // of the peer's key
	dialed   bool                 // by us: we are the channel's client
	dialAddr string
	remote   string // where its packets come from
	born     time.Time

	control   *channel.Conn
	instance  [instanceBytes]byte // of the peer's process
	serial    uint64              // the dialler's count of its dials
	advertise string              // the peer's claim

	sendq chan []byte // sealed datagrams

	heard   atomic.Int64 // unix nanoseconds at which the packet counter was last seen to move
	packets uint64       // that counter; the watch's own
	pinged  time.Time    // when the watch last sent padding; the watch's own

	failed atomic.Bool // QUIC says that it has ended, perhaps before its context does

	promote chan struct{} // the peer wants this connection used after all

	mu          sync.Mutex
	controlMu   sync.Mutex // serialises control writes; taken without mu
	greeted     bool       // our hello is out; guarded by controlMu
	early       []byte     // control messages that must wait for it; guarded by controlMu
	opened      uint64     // streams we opened
	opening     int        // streams being opened: the final number is not known before they are
	retireSaid  bool
	seen        uint64 // streams of the peer that arrived
	active      int    // streams of both sides that have not ended
	serving     int    // of those, the peer's
	retired     bool   // we open no more
	peerRetired bool
	peerOpened  uint64 // valid when peerRetired
	drained     bool   // we said so
	peerDrained bool
}

func (c *conn) guest() bool { return c.peer.Role != identity.RoleNode }

// name is how the peer appears in logs; names of guests are claims and marked so.
func (c *conn) name() string {
	if c.guest() {
		return "guest " + c.print.String()[:16]
	}
	return string(c.peer.Site) + "/" + c.peer.Node
}

// from is the address datagram handlers see.
func (c *conn) from() string {
	if c.advertise != "" && !c.guest() && c.t.sameSite(c.peer) {
		return c.advertise
	}
	return c.remote
}

// run serves a connection until it ends. It starts one goroutine for each loop and waits for them and for every
// stream's handler.
func (c *conn) run() {
	var loops sync.WaitGroup
	loops.Go(c.controlLoop)
	loops.Go(c.datagramLoop)
	loops.Go(c.sendLoop)
	for {
		s, err := c.q.AcceptStream(c.q.Context())
		if err != nil {
			break
		}
		c.arrived(&loops, s)
	}
	<-c.q.Context().Done()
	c.t.registry.ended(c)
	c.t.stats.closed.Add(1)
	loops.Wait()
	c.t.log.Info("link down", "peer", c.name(), "dialed", c.dialed, "reason", carrierError(context.Cause(c.q.Context())))
}

// arrived counts a stream of the peer and serves it, or refuses it when the peer is a guest with too many. The peer may
// open the next one when this one has been dealt with.
func (c *conn) arrived(wg *sync.WaitGroup, s *quic.Stream) {
	c.mu.Lock()
	c.seen++
	ok := !c.guest() || c.serving < guestStreamsMax
	if ok {
		c.serving++
		c.active++
	}
	c.mu.Unlock()
	if !ok {
		c.t.stats.streamsRefused.Add(1)
		s.CancelRead(streamBusy)
		s.CancelWrite(streamBusy)
		s.ReleaseStreamCredit()
		c.maybeDrained()
		return
	}
	c.t.stats.streamsActive.Add(1)
	wg.Go(func() {
		defer s.ReleaseStreamCredit()
		c.serve(s)
		c.mu.Lock()
		c.serving--
		c.mu.Unlock()
	})
}

// serve reads the kind of an accepted stream and gives it to its handler.
func (c *conn) serve(qs *quic.Stream) {
	s := c.newStream(qs)
	defer func() { _ = s.Close() }()
	refuse := func(code quic.StreamErrorCode) {
		c.t.stats.streamsRefused.Add(1)
		s.reset(code)
	}
	var first [1]byte
	_ = qs.SetReadDeadline(time.Now().Add(kindTimeout))
	if _, err := io.ReadFull(s.sealed, first[:]); err != nil {
		refuse(streamBadRecord)
		return
	}
	_ = qs.SetReadDeadline(time.Time{})
	s.kind = Kind(first[0])
	h, ok := c.t.handlerOf(s.kind)
	if !ok {
		c.t.log.Debug("stream refused: unknown kind", "peer", c.name(), "kind", s.kind)
		refuse(streamKindUnknown)
		return
	}
	if h.allow != nil {
		if err := h.allow(c.peer); err != nil {
			c.t.log.Debug("stream refused", "peer", c.name(), "kind", s.kind, "err", err)
			refuse(streamKindRefused)
			return
		}
	}
	c.t.stats.streamsAccepted.Add(1)
	defer c.recovered("stream", s.kind, func() { s.reset(streamInternal) })
	h.serve(c.q.Context(), s)
}

// recovered is deferred around handlers: a panic there is counted and logged, and ends only what it served.
func (c *conn) recovered(what string, k Kind, end func()) {
	v := recover()
	if v == nil {
		return
	}
	c.t.stats.panics.Add(1)
	c.t.log.Error("handler panicked", "what", what, "kind", k, "peer", c.name(), "panic", panicText(v), "stack", stack())
	end()
}

// open opens a stream of kind k, or says errRetired or that the connection has ended.
func (c *conn) open(ctx context.Context, k Kind) (*Stream, error) {
	c.mu.Lock()
	if c.retired {
		c.mu.Unlock()
		return nil, errRetired
	}
	c.opening++
	c.mu.Unlock()
	qs, err := c.q.OpenStreamSync(ctx)
	c.mu.Lock()
	c.opening--
	if err == nil {
		c.opened++
		c.active++
	}
	c.mu.Unlock()
	c.maybeDrained()
	if err != nil {
		return nil, c.noteFailure(err)
	}
	c.t.stats.streamsActive.Add(1)
	s := c.newStream(qs)
	s.kind = k
	if d, ok := ctx.Deadline(); ok {
		_ = qs.SetWriteDeadline(d)
	}
	if _, err := s.sealed.Write([]byte{byte(k)}); err != nil {
		s.reset(streamAborted)
		_ = s.Close()
		return nil, c.noteFailure(err)
	}
	_ = qs.SetWriteDeadline(time.Time{})
	c.t.stats.streamsOpened.Add(1)
	return s, nil
}

// streamEnded takes one stream off the count.
func (c *conn) streamEnded() {
	c.mu.Lock()
	c.active--
	c.mu.Unlock()
	c.t.stats.streamsActive.Add(-1)
	c.maybeDrained()
}

// close ends the connection; streams on it fail at once on both sides.
func (c *conn) close(code quic.ApplicationErrorCode) { _ = c.q.CloseWithError(code, "") }

// supersede closes a connection whose peer has lost it or restarted.
func (c *conn) supersede() {
	c.t.stats.superseded.Add(1)
	c.close(codeSuperseded)
}

func (c *conn) isRetired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.retired
}

// usable reports whether new streams may be opened here.
func (c *conn) usable() bool { return !c.ended() && !c.isRetired() }

// ended reports whether the connection is gone.
func (c *conn) ended() bool { return c.failed.Load() || c.q.Context().Err() != nil }

// noteFailure remembers that an operation failed because the connection has ended.
func (c *conn) noteFailure(err error) error {
	ofStream := errors.Is(err, ErrStreamReset)
	if _, ok := errors.AsType[*quic.StreamError](err); ok {
		ofStream = true
	}
	if err = carrierError(err); !ofStream && errors.Is(err, net.ErrClosed) {
		c.failed.Store(true)
	}
	return err
}

// retire opens no more streams here and tells the peer; the connection closes when all its streams have ended.
func (c *conn) retire() {
	c.mu.Lock()
	if c.retired {
		c.mu.Unlock()
		return
	}
	c.retired = true
	c.mu.Unlock()
	c.t.stats.retired.Add(1)
	c.maybeDrained()
}

// maybeDrained takes a retired connection one step further: first tells the peer the final number of our streams, then
// that every stream has ended, and closes when both sides have said so.
func (c *conn) maybeDrained() {
	c.mu.Lock()
	sayRetire := c.retired && !c.retireSaid && c.opening == 0
	if sayRetire {
		c.retireSaid = true
	}
	sayDrained := c.retireSaid && c.peerRetired && c.seen >= c.peerOpened && c.active == 0 && !c.drained
	if sayDrained {
		c.drained = true
	}
	opened := c.opened
	done := c.drained && c.peerDrained
	c.mu.Unlock()
	if sayRetire {
		c.sendControl(appendRetire(nil, opened))
	}
	if sayDrained {
		c.sendControl(appendEmpty(nil, messageDrained))
	}
	if done {
		c.close(codeRetired)
	}
}

// sendControl writes one control message, or keeps it until our hello is out: as soon as the registry knows an accepted
// connection, others may want to say something on it. There are at most four messages in a connection's life, so it does
// not block.
func (c *conn) sendControl(m []byte) {
	c.controlMu.Lock()
	defer c.controlMu.Unlock()
	if !c.greeted {
		c.early = append(c.early, m...)
		return
	}
	if _, err := c.control.Write(m); err != nil {
		c.close(codeProtocol)
	}
}

// controlLoop reads the peer's control messages until the connection ends; anything malformed ends it.
func (c *conn) controlLoop() {
	buf := make([]byte, controlMessageMax)
	for {
		kind, body, err := readControl(c.control, buf)
		if err == nil {
			err = c.controlMessage(kind, body)
		}
		if err != nil {
			if !c.ended() && !errors.Is(err, net.ErrClosed) {
				c.t.log.Warn("link closed: control stream", "peer", c.name(), "err", err)
				c.close(codeProtocol)
			}
			return
		}
	}
}

func (c *conn) controlMessage(kind byte, body []byte) error {
	switch kind {
	case messageHello:
		return errors.New("second hello")
	case messageRetire:
		n, err := parseRetire(body)
		if err != nil {
			return err
		}
		c.mu.Lock()
		again := c.peerRetired
		c.peerRetired, c.peerOpened = true, n
		c.mu.Unlock()
		if again {
			return errors.New("second retire")
		}
		c.retire()
		c.maybeDrained()
	case messageDrained:
		c.mu.Lock()
		c.peerDrained = true
		c.mu.Unlock()
		c.maybeDrained()
	case messagePromote:
		select {
		case c.promote <- struct{}{}:
		default:
		}
		c.t.registry.promoted(c)
	}
	return nil
}

// observe is the watch's look at one connection.
func (c *conn) observe(now time.Time, paused bool) {
	if n := c.q.ConnectionStats().PacketsReceived; n != c.packets || paused {
		c.packets = n
		c.heard.Store(now.UnixNano())
		return
	}
	if c.silent(now) >= paddedPingAfter && now.Sub(c.pinged) >= paddedPingAfter {
		c.pinged = now
		_ = c.enqueue(kindControl, make([]byte, paddedPingBytes)) // a full queue will do as well
	}
}

// silent is how long nothing has arrived, as far as the watch has seen.
func (c *conn) silent(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, c.heard.Load()))
}

// suspect reports whether the connection has been silent for so long that new streams should not rely on it. Without a
// running watch nothing is suspect.
func (c *conn) suspect() bool {
	return c.t.watching() && c.silent(time.Now()) >= suspectAfter
}

func (c *conn) peerStats() PeerStats {
	w := c.q.ConnectionStats()
	c.mu.Lock()
	defer c.mu.Unlock()
	return PeerStats{
		Site: c.peer.Site, Node: c.peer.Node, Role: c.peer.Role, Dialed: c.dialed, Retiring: c.retired,
		Silent: c.silent(time.Now()), RTT: w.SmoothedRTT, Streams: c.active,
		BytesSent: w.BytesSent, BytesRecv: w.BytesReceived, Lost: w.PacketsLost,
	}
}

// parseRetire decodes the body of a retire message.
func parseRetire(body []byte) (uint64, error) {
	if len(body) < 8 {
		return 0, fmt.Errorf("retire message: %d of 8 bytes", len(body))
	}
	var n uint64
	for _, b := range body[:8] {
		n = n<<8 | uint64(b)
	}
	return n, nil
}
