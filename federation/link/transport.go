package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Transport is a node's end of all its links.
type Transport struct {
	cfg       Config
	log       *slog.Logger
	advertise string
	self      gmcrypto.Fingerprint
	instance  [instanceBytes]byte

	socket    net.PacketConn // owned unless cfg.PacketConn was given
	quic      *quic.Transport
	quicConf  *quic.Config
	serverTLS *tls.Config
	clientTLS *tls.Config
	gate      gate
	registry  registry
	stats     stats
	dials     atomic.Uint64 // serial numbers of connections we dialled

	// ctx ends with Close; everything the transport started hangs on it.
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // connections, handlers, dials

	mu        sync.Mutex
	handlers  map[Kind]handler
	datagrams map[Kind]datagramHandler
	closed    bool

	running atomic.Bool

	closeOnce sync.Once
	closeErr  error
}

type handler struct {
	allow func(identity.Peer) error
	serve func(context.Context, *Stream)
}

type datagramHandler struct {
	allow func(identity.Peer) error
	serve func(peer identity.Peer, from string, p []byte)
}

// Open binds the socket. Nothing is accepted before Run; dialling works at once. The caller closes the transport.
func Open(cfg Config) (*Transport, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("link config: %w", err)
	}
	t := &Transport{
		cfg:       cfg,
		log:       cfg.Logger,
		self:      cfg.Key.Public().Fingerprint(),
		socket:    cfg.PacketConn,
		quicConf:  carrierConfig(),
		gate:      gate{perIP: make(map[netip.Addr]int)},
		handlers:  make(map[Kind]handler),
		datagrams: make(map[Kind]datagramHandler),
	}
	if _, err := rand.Read(t.instance[:]); err != nil {
		return nil, fmt.Errorf("link instance: %w", err)
	}
	var err error
	if t.serverTLS, t.clientTLS, err = carrierTLS(); err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	reset, err := derivedKey(cfg.Key, resetKeyLabel)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	token, err := derivedKey(cfg.Key, tokenKeyLabel)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	if t.socket == nil {
		addr, err := net.ResolveUDPAddr("udp", cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("link listen address %q: %w", cfg.Listen, err)
		}
		if t.socket, err = net.ListenUDP("udp", addr); err != nil {
			return nil, fmt.Errorf("link bind %s (is another node using the port?): %w", cfg.Listen, err)
		}
	}
	if t.advertise = cfg.Advertise; t.advertise == "" {
		t.advertise = t.socket.LocalAddr().String()
	}
	resetKey := quic.StatelessResetKey(reset)
	tokenKey := quic.TokenGeneratorKey(token)
	t.quic = &quic.Transport{
		Conn:                t.socket,
		StatelessResetKey:   &resetKey,
		TokenGeneratorKey:   &tokenKey,
		ConnectionIDLength:  8,
		VerifySourceAddress: t.verifySourceAddress,
		ConnContext:         t.connContext,
	}
	t.registry.init(t.self)
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	return t, nil
}

// Handle registers who serves streams of kind k. allow sees the authenticated peer (guests have RoleGuest) and refuses
// with an error; nil allows everyone Verify accepts. h owns the stream until it returns; its context ends with the
// connection. A nil h removes the registration. Registering a kind twice panics: two owners of one kind are a
// programmer's error.
func (t *Transport) Handle(k Kind, allow func(identity.Peer) error, h func(ctx context.Context, s *Stream)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h == nil {
		delete(t.handlers, k)
		return
	}
	if _, dup := t.handlers[k]; dup || k == kindControl {
		panic(fmt.Sprintf("link: stream kind %v registered twice or reserved", k))
	}
	t.handlers[k] = handler{allow: allow, serve: h}
}

// HandleDatagram registers who takes datagrams of kind k. h runs on the receive loop of the peer's connection and must
// not block or keep p. from is the peer's address: the one it advertises, if the peer is of this node's site, else the
// one its packets come from. Otherwise as Handle.
func (t *Transport) HandleDatagram(k Kind, allow func(identity.Peer) error, h func(peer identity.Peer, from string, p []byte)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h == nil {
		delete(t.datagrams, k)
		return
	}
	if _, dup := t.datagrams[k]; dup || k == kindControl {
		panic(fmt.Sprintf("link: datagram kind %v registered twice or reserved", k))
	}
	t.datagrams[k] = datagramHandler{allow: allow, serve: h}
}

func (t *Transport) handlerOf(k Kind) (handler, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, ok := t.handlers[k]
	return h, ok
}

func (t *Transport) datagramHandlerOf(k Kind) (datagramHandler, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, ok := t.datagrams[k]
	return h, ok
}

// Addr is the bound UDP address.
func (t *Transport) Addr() net.Addr { return t.socket.LocalAddr() }

// Advertise is the address other nodes are told to reach this one at.
func (t *Transport) Advertise() string { return t.advertise }

// Run accepts connections and watches the standing ones until ctx ends (nil) or the transport is closed (nil) or the
// socket fails. Connections that stand when Run returns go on until Close.
func (t *Transport) Run(ctx context.Context) error {
	if t.ctx.Err() != nil {
		return nil
	}
	if !t.running.CompareAndSwap(false, true) {
		return errors.New("link: already running")
	}
	defer t.running.Store(false)

	listener, err := t.quic.Listen(t.serverTLS, t.quicConf)
	if err != nil {
		if t.ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("link listen: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(t.ctx, cancel)
	var watch sync.WaitGroup
	watch.Go(func() { t.watch(ctx) })
	err = t.acceptConnections(ctx, listener)
	cancel()
	stop()
	watch.Wait()
	return errors.Join(err, listener.Close())
}

// acceptConnections starts a goroutine for each connection whose carrier stands; the gate has bounded their number.
func (t *Transport) acceptConnections(ctx context.Context, l *quic.Listener) error {
	for {
		q, err := l.Accept(ctx)
		if ctx.Err() != nil || t.ctx.Err() != nil {
			if q != nil {
				_ = q.CloseWithError(codeShutdown, "")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("link accept: %w", err)
		}
		if !t.start(func() { t.serveIncoming(q) }) {
			_ = q.CloseWithError(codeShutdown, "")
		}
	}
}

// watching reports whether Run's watch keeps the ages of connections up to date.
func (t *Transport) watching() bool { return t.running.Load() }

// sameSite reports whether a peer is a node of this node's own site.
func (t *Transport) sameSite(p identity.Peer) bool {
	chain := t.cfg.Chain()
	return p.Role == identity.RoleNode && len(chain) > 0 && chain[0].Role() == identity.RoleNode && chain[0].Site() == p.Site
}

// start runs f in a goroutine Close waits for, unless the transport is closed.
func (t *Transport) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Go(f)
	return true
}

// watch looks at the standing connections four times a second: how long each has been silent, whether it wants a
// padded ping, and once a minute whether its peer is still trusted.
func (t *Transport) watch(ctx context.Context) {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	last, verified := time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		// After a pause of our own (a stopped process, a starved machine) silence says nothing about the peers.
		paused := now.Sub(last) > 4*watchPeriod
		last = now
		conns, _ := t.registry.snapshot()
		for _, c := range conns {
			c.observe(now, paused)
		}
		if now.Sub(verified) >= reverifyPeriod {
			verified = now
			t.reverify(conns)
		}
	}
}

// reverify closes connections whose peers Verify no longer accepts: lapsed, revoked, or now somebody else.
func (t *Transport) reverify(conns []*conn) {
	for _, c := range conns {
		p, err := t.cfg.Verify(c.peer.Chain)
		if err == nil && p.Site == c.peer.Site && p.Node == c.peer.Node && p.Role == c.peer.Role {
			continue
		}
		t.stats.revoked.Add(1)
		t.log.Warn("link closed: peer is no longer trusted", "peer", c.name(), "err", err)
		c.close(codeRevoked)
	}
}

// Reverify checks all standing connections now, for example after a revocation, instead of within the minute.
func (t *Transport) Reverify() {
	conns, _ := t.registry.snapshot()
	t.reverify(conns)
}

// Close ends all connections, tells the peers, closes the socket and waits until every goroutine of the transport has
// ended, handlers included. Data a stream has not delivered yet is lost: whoever needs it delivered waits for an
// answer before. A second Close returns the first one's result.
func (t *Transport) Close() error {
	t.closeOnce.Do(func() {
		t.mu.Lock()
		t.closed = true
		t.mu.Unlock()
		t.cancel(net.ErrClosed)
		conns, _ := t.registry.snapshot()
		for _, c := range conns {
			c.close(codeShutdown)
		}
		t.wg.Wait()
		if err := t.quic.Close(); err != nil {
			t.closeErr = fmt.Errorf("link close: %w", err)
		}
		if t.cfg.PacketConn == nil {
			if err := t.socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.closeErr = errors.Join(t.closeErr, fmt.Errorf("link close socket: %w", err))
			}
		}
	})
	return t.closeErr
}
