package gossip

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"fengsui/federation/link"
)

// Bounds of what is remembered.
const (
	// eventsMax bounds events nobody has taken; the oldest are dropped, and Members stays right.
	eventsMax = 256
	// goneMax bounds dead nodes remembered; the longest dead are forgotten.
	goneMax = 64
	// JoinsMax bounds the addresses one Join tries.
	JoinsMax = 64
)

// Change says what has happened to a member.
type Change uint8

// The changes.
const (
	Joined  Change = iota + 1 // alive, new or again
	Gone                      // left or dead
	Updated                   // alive, says something new about itself
)

// String names the change.
func (c Change) String() string {
	switch c {
	case Joined:
		return "joined"
	case Gone:
		return "gone"
	case Updated:
		return "updated"
	}
	return "unknown"
}

// Member is one node of the site, this one included.
type Member struct {
	Name  string
	Addr  string // host:port of its link
	Alive bool
	Meta  Meta
	Since time.Time // of the present state of Alive, by this node's clock
}

// Event is one change.
type Event struct {
	Change Change
	Member Member
}

// Gossip is this node's view of its site.
type Gossip struct {
	node    string
	self    string // our own address
	log     *slog.Logger
	list    *memberlist.Memberlist
	carrier *link.GossipTransport
	meta    atomic.Pointer[[]byte]
	events  chan Event

	conflicts, malformed, dropped atomic.Uint64

	mu      sync.Mutex
	members map[string]Member
	changed chan struct{}

	life   sync.Mutex // Leave, Close, UpdateMeta: memberlist panics on some of their orders
	closed bool
}

// Open joins nobody yet: it makes a ring of one. The transport must not serve gossip otherwise.
func Open(cfg Config) (*Gossip, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("gossip config: %w", err)
	}
	if cfg.Meta.Addr == "" {
		cfg.Meta.Addr = cfg.Transport.Advertise()
	}
	meta, err := cfg.Meta.Encode()
	if err != nil {
		return nil, fmt.Errorf("gossip config: %w", err)
	}
	g := &Gossip{
		node: cfg.Node, self: cfg.Transport.Advertise(), log: cfg.Logger,
		events:  make(chan Event, eventsMax),
		members: make(map[string]Member), changed: make(chan struct{}),
	}
	g.meta.Store(&meta)
	g.carrier = cfg.Transport.GossipTransport()
	ring, err := cfg.ring(g.carrier, &delegate{g}, ringLog{cfg.Logger})
	if err == nil {
		g.list, err = memberlist.Create(ring)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gossip: %w", err), g.carrier.Shutdown())
	}
	return g, nil
}

// Join makes contact with nodes of the site at the given addresses (host:port); one that answers is enough to learn of
// all. It returns how many answered; none is an error, unless all addresses were this node's own. It may block for two
// seconds an address.
func (g *Gossip) Join(addrs []string) (int, error) {
	if len(addrs) > JoinsMax {
		addrs = addrs[:JoinsMax]
	}
	others := make([]string, 0, len(addrs))
	for _, a := range addrs {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return 0, fmt.Errorf("gossip join %q: %w", a, err)
		}
		if a != g.self && !slices.Contains(others, a) {
			others = append(others, a)
		}
	}
	if len(others) == 0 {
		return 0, nil
	}
	n, err := g.list.Join(others)
	if n > 0 || err == nil {
		return n, nil
	}
	return 0, fmt.Errorf("gossip join %s: %w", strings.Join(others, ", "), oneLine{err})
}

// oneLine words memberlist's many-line errors for a log.
type oneLine struct{ err error }

func (e oneLine) Error() string { return strings.Join(strings.Fields(e.err.Error()), " ") }
func (e oneLine) Unwrap() error { return e.err }

// Members gives all nodes known, the dead included, in order of name.
func (g *Gossip) Members() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]Member, 0, len(g.members))
	for _, m := range g.members {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Events gives the changes in order, beginning with this node's own joining. A reader that falls more than 256 behind
// misses the oldest; Members is always right. The channel is never closed.
func (g *Gossip) Events() <-chan Event { return g.events }

// Watch gives a channel that is closed at the next change. Take it before reading Members.
func (g *Gossip) Watch() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

// note records a change. memberlist holds its locks: nothing here blocks or calls back.
func (g *Gossip) note(c Change, n *memberlist.Node, alive bool) {
	m := Member{Name: n.Name, Addr: hostPort(n), Alive: alive, Since: time.Now()}
	meta, err := ParseMeta(n.Meta)
	if err != nil {
		g.malformed.Add(1)
	}
	m.Meta = meta
	if meta.Addr != "" {
		m.Addr = meta.Addr
	}
	g.mu.Lock()
	if old, known := g.members[m.Name]; known && old.Alive == alive {
		m.Since = old.Since
	}
	g.members[m.Name] = m
	g.forgetLocked()
	close(g.changed)
	g.changed = make(chan struct{})
	for {
		select {
		case g.events <- Event{c, m}:
		default:
			select {
			case <-g.events:
				g.dropped.Add(1)
			default:
			}
			continue
		}
		break
	}
	g.mu.Unlock()
	if m.Name != g.node {
		g.log.Info("node "+c.String(), "node", m.Name, "addr", m.Addr)
	}
}

// forgetLocked keeps the number of dead nodes bounded.
func (g *Gossip) forgetLocked() {
	var oldest Member
	gone := 0
	for _, m := range g.members {
		if m.Alive {
			continue
		}
		if gone++; oldest.Name == "" || m.Since.Before(oldest.Since) {
			oldest = m
		}
	}
	if gone > goneMax {
		delete(g.members, oldest.Name)
	}
}

// UpdateMeta changes what this node says about itself and waits up to a second for the others to be told.
func (g *Gossip) UpdateMeta(m Meta) error {
	if m.Addr == "" {
		m.Addr = g.self
	}
	b, err := m.Encode()
	if err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	g.life.Lock()
	defer g.life.Unlock()
	if g.closed {
		return fmt.Errorf("gossip: %w", net.ErrClosed)
	}
	g.meta.Store(&b)
	if err := g.list.UpdateNode(time.Second); err != nil {
		return fmt.Errorf("gossip: tell new metadata: %w", err)
	}
	return nil
}

// Leave tells the others that this node goes, and waits at most that long for the word to be out. The node then is gone
// at once instead of suspected first. Close follows.
func (g *Gossip) Leave(timeout time.Duration) error {
	g.life.Lock()
	defer g.life.Unlock()
	if g.closed {
		return nil
	}
	if err := g.list.Leave(timeout); err != nil {
		return fmt.Errorf("gossip leave: %w", err)
	}
	return nil
}

// Close stops without a word; others find this node dead. A second Close does nothing.
func (g *Gossip) Close() error {
	g.life.Lock()
	defer g.life.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	if err := g.list.Shutdown(); err != nil {
		return fmt.Errorf("gossip close: %w", err)
	}
	return nil
}

// Stats are counters since Open.
type Stats struct {
	Alive, Gone   int    // members now
	Health        int    // memberlist's opinion of this node's own health; 0 is good
	Conflicts     uint64 // two nodes under one name
	MalformedMeta uint64
	EventsDropped uint64
}

// Stats takes a snapshot.
func (g *Gossip) Stats() Stats {
	s := Stats{
		Health: g.list.GetHealthScore(), Conflicts: g.conflicts.Load(),
		MalformedMeta: g.malformed.Load(), EventsDropped: g.dropped.Load(),
	}
	for _, m := range g.Members() {
		if m.Alive {
			s.Alive++
		} else {
			s.Gone++
		}
	}
	return s
}
