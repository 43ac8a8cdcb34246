package link

import (
	"bytes"
	"sync"
	"time"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// peerKey is who is at the other end. A guest's names are its own claim, so guests are told apart by key and never
// found by name.
type peerKey struct {
	site  identity.Site
	node  string
	guest gmcrypto.Fingerprint
}

func keyOf(p identity.Peer) peerKey {
	if p.Role != identity.RoleNode {
		return peerKey{guest: p.Key.Fingerprint()}
	}
	return peerKey{site: p.Site, node: p.Node}
}

// dialKey groups dials: one at a time for a named node, otherwise one for each address and site.
type dialKey struct {
	peer peerKey
	addr string
}

func dialKeyOf(t Target) dialKey {
	if t.named() {
		return dialKey{peer: peerKey{site: t.Site, node: t.Node}}
	}
	return dialKey{peer: peerKey{site: t.Site, node: t.Node}, addr: t.Addr}
}

// pair is everything known about one peer.
type pair struct {
	// primary takes new streams; nil when none stands.
	primary *conn
	// spare is an accepted connection told to wait because ours to the same peer goes first.
	spare *conn
	all   map[*conn]struct{}
	// changed is closed and replaced when primary changes.
	changed chan struct{}
}

func (p *pair) setPrimary(c *conn) {
	p.primary = c
	close(p.changed)
	p.changed = make(chan struct{})
}

// registry knows every authenticated connection and every dial under way, and settles which connection a pair uses.
//
// When both sides of a pair have dialled, the connection dialled by the side with the lower key fingerprint is used:
// both sides come to the same verdict without a word. The other connection is, best case, never used (its dialler is
// told to wait), otherwise retired: no new streams, closed when the last has ended. When one side has dialled twice the
// newer connection is used, because a node only dials when it knows of none. A connection of an earlier instance of
// the peer's process is dead and closed at once.
type registry struct {
	mu    sync.Mutex
	self  gmcrypto.Fingerprint
	pairs map[peerKey]*pair
	dials map[dialKey]*dialCall
	total int
	guest int
}

func (r *registry) init(self gmcrypto.Fingerprint) {
	r.self = self
	r.pairs = make(map[peerKey]*pair)
	r.dials = make(map[dialKey]*dialCall)
}

func (r *registry) snapshot() (conns []*conn, dialing int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	conns = make([]*conn, 0, r.total)
	for _, p := range r.pairs {
		for c := range p.all {
			conns = append(conns, c)
		}
	}
	return conns, len(r.dials)
}

// oursGoesFirst reports whether, of two connections of the pair, the one we dialled is used.
func (r *registry) oursGoesFirst(c *conn) bool {
	return bytes.Compare(r.self[:], c.print[:]) < 0
}

// effects are what a decision wants done to other connections, outside the lock.
type effects []func()

func (e effects) run() {
	for _, f := range e {
		f()
	}
}

// enrol adds an authenticated connection to its pair and drops those of the peer's earlier instances.
// It reports false when a bound is reached.
func (r *registry) enrolLocked(c *conn) (*pair, effects, bool) {
	if r.total >= connectionsMax || c.guest() && r.guest >= guestConnectionsMax {
		return nil, nil, false
	}
	p := r.pairs[c.key]
	if p == nil {
		p = &pair{all: make(map[*conn]struct{}), changed: make(chan struct{})}
		r.pairs[c.key] = p
	}
	var do effects
	for o := range p.all {
		if o.instance != c.instance {
			do = append(do, func() { o.supersede() })
			r.dropLocked(p, o)
		}
	}
	r.pairs[c.key] = p // dropping the last of the old ones has taken the pair out
	p.all[c] = struct{}{}
	r.total++
	if c.guest() {
		r.guest++
	}
	return p, do, true
}

// dropLocked takes a connection out of its pair; harmless when it is not in.
func (r *registry) dropLocked(p *pair, c *conn) {
	if _, in := p.all[c]; !in {
		return
	}
	delete(p.all, c)
	r.total--
	if c.guest() {
		r.guest--
	}
	if p.spare == c {
		p.spare = nil
	}
	if p.primary == c {
		next := p.spare
		p.spare = nil
		for o := range p.all {
			if next == nil && o.usable() {
				next = o
			}
		}
		p.setPrimary(next)
	}
	if len(p.all) == 0 {
		delete(r.pairs, c.key)
	}
}

// ended takes a closed connection out.
func (r *registry) ended(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.pairs[c.key]; p != nil {
		r.dropLocked(p, c)
	}
}

// accepted decides about a connection the peer dialled: whether it is admitted, and whether its dialler shall wait.
func (r *registry) accepted(c *conn, flags byte) (wait, ok bool) {
	r.mu.Lock()
	p, do, ok := r.enrolLocked(c)
	if !ok {
		r.mu.Unlock()
		return false, false
	}
	old := p.primary
	switch {
	case old == nil || !old.usable():
		call := r.dialOfLocked(c.key)
		if call != nil && r.oursGoesFirst(c) {
			p.spare, wait = c, true
			break
		}
		p.setPrimary(c)
		if call != nil {
			do = append(do, func() { call.finish(c, nil) })
		}
	case flags&helloReplaces != 0:
		p.setPrimary(c)
		do = append(do, old.supersede)
	case old.dialed && r.oursGoesFirst(c) && time.Since(old.born) < simultaneousMax && !old.suspect():
		p.spare, wait = c, true
	case !old.dialed && old.serial > c.serial:
		do = append(do, c.retire)
	default:
		p.setPrimary(c)
		do = append(do, old.retire)
	}
	r.mu.Unlock()
	do.run()
	return wait, true
}

// dialed decides about a connection we dialled and the peer admitted. It returns the connection to use, which is
// another one when the peer's own goes first; nil when a bound is reached. replaces: our earlier connections are lost
// to us. yield: the peer asked to use its own connection if that stands.
func (r *registry) dialed(c *conn, replaces, yield bool) *conn {
	r.mu.Lock()
	p, do, ok := r.enrolLocked(c)
	if !ok {
		r.mu.Unlock()
		return nil
	}
	use, old := c, p.primary
	switch {
	case old == nil || !old.usable():
	case replaces:
		do = append(do, old.supersede)
	case old.dialed && old.serial < c.serial, !old.dialed && r.oursGoesFirst(c) && !yield:
		do = append(do, old.retire)
	default:
		use = old
		do = append(do, c.retire)
	}
	if use == c {
		p.setPrimary(c)
	}
	if s := p.spare; s != nil && s != use {
		p.spare = nil
		do = append(do, s.retire)
	}
	r.mu.Unlock()
	do.run()
	return use
}

// promoted makes an accepted connection that was to wait the pair's, unless a better one stands.
func (r *registry) promoted(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pairs[c.key]
	if p == nil || p.spare != c {
		return
	}
	p.spare = nil
	if p.primary == nil || !p.primary.usable() || p.primary.suspect() {
		p.setPrimary(c)
	}
}

// watchPair gives the pair's present primary, if it is usable and not c, and a channel closed at the next change.
func (r *registry) watchPair(c *conn) (other *conn, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pairs[c.key]
	if p == nil {
		p = &pair{all: make(map[*conn]struct{}), changed: make(chan struct{})}
		r.pairs[c.key] = p
	}
	if p.primary != nil && p.primary != c && p.primary.usable() && p.primary.instance == c.instance {
		return p.primary, p.changed
	}
	return nil, p.changed
}

// forget removes a pair that watchPair made and nobody joined.
func (r *registry) forget(k peerKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.pairs[k]; p != nil && len(p.all) == 0 {
		delete(r.pairs, k)
	}
}

// find gives the connection a target's streams go to, nil when none stands. For a target without a name it is one we
// dialled at that address or whose packets come from it; inside a site the address a node advertises counts too.
func (r *registry) find(t Target) *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.named() {
		if p := r.pairs[peerKey{site: t.Site, node: t.Node}]; p != nil && p.primary != nil && p.primary.usable() {
			return p.primary
		}
		return nil
	}
	for _, p := range r.pairs {
		c := p.primary
		if c == nil || !c.usable() || !t.accepts(c.peer) {
			continue
		}
		if t.Addr == "" || c.dialAddr == t.Addr || c.remote == t.Addr || t.Site != "" && c.advertise == t.Addr {
			return c
		}
	}
	return nil
}

// dialOfLocked gives a dial under way whose peer is known to be k.
func (r *registry) dialOfLocked(k peerKey) *dialCall {
	for _, call := range r.dials {
		if call.peer == k {
			return call
		}
	}
	return nil
}

// joinDial gives the dial under way for a target, or makes one; made tells which.
func (r *registry) joinDial(t Target, replaces *conn) (call *dialCall, made bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := dialKeyOf(t)
	if call = r.dials[k]; call != nil {
		return call, false
	}
	call = &dialCall{target: t, key: k, replaces: replaces, done: make(chan struct{})}
	if t.named() {
		call.peer = k.peer
	}
	r.dials[k] = call
	return call, true
}

// learnPeer notes whom an unnamed dial has turned out to reach.
func (r *registry) learnPeer(call *dialCall, k peerKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call.peer = k
}

// leaveDial ends a dial. When it failed while the peer's own connection was waiting for it, that one is promoted and
// returned.
func (r *registry) leaveDial(call *dialCall, failed bool) *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dials[call.key] == call {
		delete(r.dials, call.key)
	}
	p := r.pairs[call.peer]
	if !failed || p == nil {
		return nil
	}
	if s := p.spare; s != nil {
		p.spare = nil
		if p.primary == nil || !p.primary.usable() {
			p.setPrimary(s)
			return s
		}
	}
	if p.primary != nil && p.primary.usable() && !p.primary.suspect() {
		return p.primary
	}
	return nil
}
