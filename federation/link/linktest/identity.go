package linktest

import (
	"testing"
	"time"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// valid is how long test certificates are good for, from an hour before they are made.
const valid = 24 * time.Hour

// CA is the authority of one site.
type CA struct {
	Site identity.Site
	Key  *gmcrypto.PrivateKey
	// Chain is the authority's certificate and those above it, root last.
	Chain []*identity.Certificate
}

// Node is a node's key and chain.
type Node struct {
	Site  identity.Site
	Name  string
	Key   *gmcrypto.PrivateKey
	chain []*identity.Certificate
}

// Chain returns the node's certificates, leaf first, as link.Config wants them.
func (n *Node) Chain() []*identity.Certificate { return n.chain }

// Root makes the authority of a topmost site.
func Root(tb testing.TB, site string) *CA {
	tb.Helper()
	code, err := identity.ParseSite(site)
	must(tb, err)
	key := newKey(tb)
	cert, err := identity.NewRoot(key, code, "test "+site, time.Now().Add(-time.Hour), valid)
	must(tb, err)
	return &CA{Site: code, Key: key, Chain: []*identity.Certificate{cert}}
}

// Child makes the authority of a site below.
func (ca *CA) Child(tb testing.TB, site string) *CA {
	tb.Helper()
	code, err := identity.ParseSite(site)
	must(tb, err)
	key := newKey(tb)
	cert, err := identity.IssueSite(ca.Key, ca.Chain[0], code, "test "+site, key.Public(), time.Now().Add(-time.Hour), valid)
	must(tb, err)
	return &CA{Site: code, Key: key, Chain: append([]*identity.Certificate{cert}, ca.Chain...)}
}

// Node makes a node of the authority's site.
func (ca *CA) Node(tb testing.TB, name string) *Node {
	tb.Helper()
	return ca.NodeWithKey(tb, name, newKey(tb))
}

// NodeWithKey makes a node whose key is given.
func (ca *CA) NodeWithKey(tb testing.TB, name string, key *gmcrypto.PrivateKey) *Node {
	tb.Helper()
	cert, err := identity.IssueNode(ca.Key, ca.Chain[0], name, key.Public(), time.Now().Add(-time.Hour), valid)
	must(tb, err)
	return &Node{Site: ca.Site, Name: name, Key: key, chain: append([]*identity.Certificate{cert}, ca.Chain...)}
}

// Guest makes a newcomer that claims a site and a name.
func Guest(tb testing.TB, site, name string) *Node {
	tb.Helper()
	code, err := identity.ParseSite(site)
	must(tb, err)
	key := newKey(tb)
	cert, err := identity.Guest(key, code, name, time.Now().Add(-time.Hour))
	must(tb, err)
	return &Node{Site: code, Name: name, Key: key, chain: []*identity.Certificate{cert}}
}

// Verify trusts the given authorities, and guests.
func Verify(cas ...*CA) func([]*identity.Certificate) (identity.Peer, error) {
	roots := make([]*identity.Certificate, 0, len(cas))
	for _, ca := range cas {
		roots = append(roots, ca.Chain[len(ca.Chain)-1])
	}
	trust := identity.NewTrust(roots...).WithGuests()
	return func(chain []*identity.Certificate) (identity.Peer, error) { return trust.Verify(chain, time.Now()) }
}

// WarmUp must be called once (in TestMain) by tests that use testing/synctest: the SM library makes a channel of its own
// at first use, and a channel made inside one bubble may not be used in the next.
func WarmUp() error {
	_, err := gmcrypto.GenerateKey()
	return err
}

func newKey(tb testing.TB) *gmcrypto.PrivateKey {
	tb.Helper()
	key, err := gmcrypto.GenerateKey()
	must(tb, err)
	return key
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
