package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"fengsui/gmcrypto/identity"
)

// RaftLayer carries Raft's RPC connections as streams of KindRaft between the nodes of this node's own site. It is a
// raft.StreamLayer. Both doors check the peer: Accept by the allow function, Dial by the identity asked for.
type RaftLayer struct {
	t       *Transport
	site    identity.Site
	resolve func(addr string) (Target, error)
	streams chan *Stream
	closed  chan struct{}
	once    sync.Once
}

var _ raft.StreamLayer = (*RaftLayer)(nil)

// errOtherSite refuses peers that are not nodes of this site.
var errOtherSite = errors.New("only nodes of the same site are allowed")

// RaftLayer registers KindRaft and returns its layer. resolve turns a Raft server address into a target and may be nil
// when the addresses are host:port; whatever it says, the target must be a node of this node's site. Closing the layer
// ends the registration, so that another may follow.
func (t *Transport) RaftLayer(resolve func(addr string) (Target, error)) *RaftLayer {
	l := &RaftLayer{
		t: t, site: t.site(), resolve: resolve,
		streams: make(chan *Stream), closed: make(chan struct{}),
	}
	t.Handle(KindRaft, t.allowSameSite, l.serve)
	return l
}

// allowSameSite lets in nodes of this node's own site, never guests.
func (t *Transport) allowSameSite(p identity.Peer) error {
	if !t.sameSite(p) {
		return fmt.Errorf("%w: peer is %s of %s", errOtherSite, p.Role, p.Site)
	}
	return nil
}

// site is this node's own site, by its certificate.
func (t *Transport) site() identity.Site {
	if chain := t.cfg.Chain(); len(chain) > 0 {
		return chain[0].Site()
	}
	return ""
}

// serve hands a stream to Accept and keeps it open until Raft closes it.
func (l *RaftLayer) serve(ctx context.Context, s *Stream) {
	select {
	case l.streams <- s:
	case <-ctx.Done():
		return
	case <-l.closed:
		return
	}
	select {
	case <-s.Done():
	case <-ctx.Done():
	}
}

// Accept waits for the next stream of a peer.
func (l *RaftLayer) Accept() (net.Conn, error) {
	select {
	case s := <-l.streams:
		return s, nil
	case <-l.closed:
		return nil, closedListener("raft layer")
	case <-l.t.ctx.Done():
		return nil, closedListener("raft layer")
	}
}

// Dial opens a stream to the node at a Raft server address; without a timeout it waits as long as a handshake may take.
func (l *RaftLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	target := Target{Addr: string(address)}
	if l.resolve != nil {
		var err error
		if target, err = l.resolve(string(address)); err != nil {
			return nil, fmt.Errorf("raft server %s: %w", address, err)
		}
	}
	target.Site = l.site
	if timeout <= 0 {
		timeout = authTimeout
	}
	ctx, cancel := context.WithTimeout(l.t.ctx, timeout)
	defer cancel()
	s, err := l.t.OpenStream(ctx, target, KindRaft)
	if err != nil {
		return nil, err
	}
	if err := l.t.allowSameSite(s.Peer()); err != nil {
		s.Reset()
		return nil, &DialError{Target: target, Reason: ErrUntrusted, Err: err}
	}
	return s, nil
}

// Close makes Accept return an error that unwraps to net.ErrClosed. Streams already handed out go on.
func (l *RaftLayer) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.t.Handle(KindRaft, nil, nil)
	})
	return nil
}

// Addr is the address peers reach this node at.
func (l *RaftLayer) Addr() net.Addr { return textAddr(l.t.advertise) }

// textAddr is an address of the form host:port.
type textAddr string

func (textAddr) Network() string  { return "udp" }
func (a textAddr) String() string { return string(a) }
