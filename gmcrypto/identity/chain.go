package identity

import (
	"bytes"
	"fmt"
	"maps"
	"sync"
	"time"

	"fengsui/gmcrypto"
)

// signaturesMax bounds what a Trust remembers as verified: 64 bytes each.
const signaturesMax = 4096

// Peer is who a verified chain belongs to.
type Peer struct {
	Site  Site
	Node  string // empty for a site authority
	Role  Role
	Key   *gmcrypto.PublicKey
	Chain []*Certificate // leaf first, trusted root last
}

// Path returns the sites the peer's authority comes from: its own site first,
// then the site that vouches for it, up to the root.
func (p Peer) Path() []Site {
	path := []Site{p.Site}
	for _, c := range p.Chain {
		if c.Role() == RoleSite && c.Site() != path[len(path)-1] {
			path = append(path, c.Site())
		}
	}
	return path
}

// String is the peer's full name, such as "440106/n1".
func (p Peer) String() string {
	s := string(p.Site)
	if p.Node != "" {
		s += "/" + p.Node
	}
	if p.Role == RoleGuest {
		s += " (guest)"
	}
	return s
}

// Trust is a set of authorities that are believed without further proof. It is
// immutable but for a bounded memory of verified signatures, and safe for
// concurrent use.
type Trust struct {
	anchors map[gmcrypto.Fingerprint]*Certificate // nil value: known by fingerprint only
	guests  bool
	memory  *signatureMemory
}

// NewTrust believes the given authorities. Certificates of other roles are
// ignored: they can vouch for nobody.
func NewTrust(roots ...*Certificate) *Trust {
	t := &Trust{
		anchors: make(map[gmcrypto.Fingerprint]*Certificate, len(roots)),
		memory:  &signatureMemory{seen: make(map[[64]byte]struct{})},
	}
	for _, c := range roots {
		if c != nil && c.Role() == RoleSite {
			t.anchors[c.Fingerprint()] = c
		}
	}
	return t
}

// NewPinned believes authorities of which only the fingerprint is known, as a
// newcomer does who was given one in an invitation. A chain must then include
// the root itself.
func NewPinned(roots ...gmcrypto.Fingerprint) *Trust {
	t := NewTrust()
	for _, f := range roots {
		t.anchors[f] = nil
	}
	return t
}

// WithGuests returns a trust that believes the same authorities and besides
// accepts guests, as Peer with RoleGuest: whoever uses it must look at the role
// before granting anything but enrolment.
func (t *Trust) WithGuests() *Trust {
	return &Trust{anchors: maps.Clone(t.anchors), guests: true, memory: t.memory}
}

// Verify believes a chain (leaf first; the root may be left out unless it is
// known by fingerprint only) or says why not, as a *ChainError.
//
// Time is checked last. With ErrExpired and ErrNotYetValid, and only with them,
// the Peer is filled: all but the time was in order, and a renewal may look at
// it. Never panics.
func (t *Trust) Verify(chain []*Certificate, now time.Time) (Peer, error) {
	if len(chain) == 0 || len(chain) > ChainMax {
		return Peer{}, fmt.Errorf("chain of %d certificates, want 1 to %d: %w", len(chain), ChainMax, ErrMalformed)
	}
	for i, c := range chain {
		if c == nil {
			return Peer{}, fmt.Errorf("certificate %d of the chain is missing: %w", i+1, ErrMalformed)
		}
	}
	if chain[0].Role() == RoleGuest {
		return t.verifyGuest(chain)
	}
	path, err := t.anchored(chain)
	if err != nil {
		return Peer{}, err
	}
	for i := 1; i < len(path); i++ {
		if err := t.checkStep(path, i); err != nil {
			return Peer{}, err
		}
	}
	leaf := path[0]
	peer := Peer{Site: leaf.Site(), Node: leaf.Node(), Role: leaf.Role(), Key: leaf.PublicKey(), Chain: path}
	return peer, checkTime(path, now)
}

// verifyGuest checks the self-signature, which proves the key; a guest's name
// and time prove nothing and are not looked at.
func (t *Trust) verifyGuest(chain []*Certificate) (Peer, error) {
	c := chain[0]
	if !t.guests {
		return Peer{}, refuse(chain, 0, ErrGuest)
	}
	if len(chain) != 1 {
		return Peer{}, refuse(chain, 1, fmt.Errorf("%w: nothing may follow a guest", ErrMalformed))
	}
	if err := c.x.CheckSignature(c.x.SignatureAlgorithm, c.x.RawTBSCertificate, c.x.Signature); err != nil {
		return Peer{}, refuse(chain, 0, ErrSignature)
	}
	return Peer{Site: c.Site(), Node: c.Node(), Role: RoleGuest, Key: c.PublicKey(), Chain: []*Certificate{c}}, nil
}

// anchored returns the chain up to the first certificate that is believed
// itself; or the whole chain plus the anchor that claims to have signed its end.
func (t *Trust) anchored(chain []*Certificate) ([]*Certificate, error) {
	for i, c := range chain {
		if _, ok := t.anchors[c.Fingerprint()]; ok && c.Role() == RoleSite {
			return append([]*Certificate(nil), chain[:i+1]...), nil
		}
	}
	last := chain[len(chain)-1]
	var anchor *Certificate
	for _, a := range t.anchors {
		// Of several certificates of one key, the one that lasts longest.
		if a != nil && namesIssuer(last, a) && (anchor == nil || a.NotAfter().After(anchor.NotAfter())) {
			anchor = a
		}
	}
	switch {
	case anchor == nil:
		return nil, refuse(chain, len(chain)-1, ErrUntrusted)
	case len(chain) == ChainMax:
		return nil, refuse(chain, len(chain)-1, ErrPathLength)
	}
	return append(append([]*Certificate(nil), chain...), anchor), nil
}

// namesIssuer reports whether c says that parent signed it. The profile binds
// key identifiers to keys, so what fits has the right key.
func namesIssuer(c, parent *Certificate) bool {
	return bytes.Equal(c.x.RawIssuer, parent.x.RawSubject) && bytes.Equal(c.x.AuthorityKeyId, parent.x.SubjectKeyId)
}

// checkStep checks that path[i] may have signed path[i-1] and did.
func (t *Trust) checkStep(path []*Certificate, i int) error {
	child, parent := path[i-1], path[i]
	below := i // authorities below parent
	if path[0].Role() != RoleSite {
		below--
	}
	switch {
	case parent.Role() != RoleSite:
		return refuse(path, i, fmt.Errorf("%w: a %s signs no certificates", ErrKeyUsage, parent.Role()))
	case child.Role() == RoleGuest:
		return refuse(path, i-1, ErrGuest)
	case child.Role() == RoleSite && !parent.Site().Above(child.Site()):
		return refuse(path, i-1, fmt.Errorf("%w: %s is not below %s", ErrLevel, child.Site(), parent.Site()))
	case child.Role() == RoleNode && parent.Site() != child.Site():
		return refuse(path, i-1, fmt.Errorf("%w: a node of %s signed by %s", ErrLevel, child.Site(), parent.Site()))
	case below > parent.x.MaxPathLen:
		return refuse(path, i, fmt.Errorf("%w: %d below, %d allowed", ErrPathLength, below, parent.x.MaxPathLen))
	case !namesIssuer(child, parent):
		return refuse(path, i-1, fmt.Errorf("%w: it names another issuer", ErrSignature))
	}
	if err := t.memory.check(child, parent); err != nil {
		return refuse(path, i-1, err)
	}
	return nil
}

func checkTime(path []*Certificate, now time.Time) error {
	for i, c := range path {
		if now.Before(c.NotBefore()) {
			return refuse(path, i, fmt.Errorf("%w (begins %s)", ErrNotYetValid, c.NotBefore().Format(time.RFC3339)))
		}
		if now.After(c.NotAfter()) {
			return refuse(path, i, fmt.Errorf("%w (ended %s)", ErrExpired, c.NotAfter().Format(time.RFC3339)))
		}
	}
	return nil
}

func refuse(chain []*Certificate, i int, reason error) error {
	return &ChainError{Index: i, Subject: chain[i].String(), Reason: reason}
}

// signatureMemory remembers good signatures, so that a storm of reconnections
// costs one verification a peer and not one for every authority above it. A
// signature does not become bad with time; validity is checked elsewhere.
type signatureMemory struct {
	mu   sync.Mutex
	seen map[[64]byte]struct{}
}

func (m *signatureMemory) check(child, parent *Certificate) error {
	var id [64]byte
	a, b := child.Fingerprint(), parent.Fingerprint()
	copy(id[:32], a[:])
	copy(id[32:], b[:])
	m.mu.Lock()
	_, known := m.seen[id]
	m.mu.Unlock()
	if known {
		return nil
	}
	if err := child.checkSignedBy(parent); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.seen) >= signaturesMax {
		clear(m.seen)
	}
	m.seen[id] = struct{}{}
	return nil
}
