package register

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// Ledger is the site's replicated state as register reads it.
type Ledger interface {
	// View runs f on the table's bucket in a read transaction; the bucket may be nil while
	// the table is empty.
	View(f func(b *bbolt.Bucket) error) error
	// Watch returns a channel that is closed when the table has changed after the call.
	Watch() <-chan struct{}
}

// The functions below read within one transaction. What they return is a copy.

func list[M proto.Message](b *bbolt.Bucket, prefix []byte, fresh func() M) ([]M, error) {
	if b == nil {
		return nil, nil
	}
	var out []M
	c := b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		m := fresh()
		if err := proto.Unmarshal(v, m); err != nil {
			return nil, fmt.Errorf("reading %c: %w", prefix[0], err)
		}
		out = append(out, m)
	}
	return out, nil
}

// Members returns every child site (purpose site) or every further node of this site (purpose
// node) that ever asked to enrol, ordered by code or name.
func Members(b *bbolt.Bucket, purpose wire.Purpose) ([]*wire.Member, error) {
	return list(b, []byte{prefixMember, byte(purpose)}, func() *wire.Member { return &wire.Member{} })
}

// MemberOf returns one member, nil when it is not known. Node is empty for a site.
func MemberOf(b *bbolt.Bucket, purpose wire.Purpose, site identity.Site, node string) (*wire.Member, error) {
	if b == nil {
		return nil, nil
	}
	m := &wire.Member{}
	found, err := get(b, memberKey(purpose, string(site), node), m)
	if err != nil || !found {
		return nil, err
	}
	return m, nil
}

// Invites returns the invites kept, used ones too.
func Invites(b *bbolt.Bucket) ([]*wire.Invite, error) {
	return list(b, []byte{prefixInvite}, func() *wire.Invite { return &wire.Invite{} })
}

// ParentOf returns the site's record of its parent, nil for a root.
func ParentOf(b *bbolt.Bucket) (*wire.Parent, error) {
	if b == nil {
		return nil, nil
	}
	p := &wire.Parent{}
	found, err := get(b, keyParent, p)
	if err != nil || !found {
		return nil, err
	}
	return p, nil
}

// Summaries returns the last summary of each child.
func Summaries(b *bbolt.Bucket) ([]*wire.Summary, error) {
	return list(b, []byte{prefixSummary}, func() *wire.Summary { return &wire.Summary{} })
}

// summaryBytesMax is what a summary may weigh: it must fit into a frame.
const summaryBytesMax = wire.FrameBytesMax / 4 * 3

// shrink leaves out what is least missed until s fits: counts of the sites below, then their
// nodes, then the sites named last.
func shrink(s *wire.Summary) {
	for i := 0; i < 2 && proto.Size(s) > summaryBytesMax; i++ {
		for _, x := range s.Sites[1:] {
			if x.Counts = nil; i == 1 {
				x.Nodes = nil
			}
		}
	}
	for len(s.Sites) > 1 && proto.Size(s) > summaryBytesMax {
		s.Sites = s.Sites[:len(s.Sites)-max(1, len(s.Sites)/16)]
	}
}

// Subtree joins what this site says of itself with its approved children, their links as seen
// here, and what they last told of theirs: the summary for this site's own parent, and the tree
// for its console. A site below one that is offline keeps the state last told.
func Subtree(b *bbolt.Bucket, self *wire.SiteState) (*wire.Summary, error) {
	out := &wire.Summary{Site: self.GetSite(), Sites: []*wire.SiteState{self}}
	members, err := Members(b, wire.PurposeSite)
	if err != nil {
		return nil, err
	}
	told := map[string]*wire.Summary{}
	all, err := Summaries(b)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		told[s.Site] = s
	}
	seen := map[string]bool{self.GetSite(): true}
	for _, m := range members {
		if m.State != wire.EnrolApproved || seen[m.Site] {
			continue
		}
		part := told[m.Site]
		if part == nil {
			part = &wire.Summary{Sites: []*wire.SiteState{{Site: m.Site, Name: m.Name}}}
		}
		part.Sites[0].Parent = self.GetSite()
		part.Sites[0].Online, part.Sites[0].Since = m.GetLink().GetOnline(), m.GetLink().GetSince()
		for _, s := range part.Sites {
			if !seen[s.Site] && len(out.Sites) < wire.SummarySitesMax {
				seen[s.Site] = true
				out.Sites = append(out.Sites, s)
			}
		}
	}
	shrink(out)
	return out, nil
}

// allow decides about a peer by what is registered; see Server.Allow.
func allow(b *bbolt.Bucket, site identity.Site, peer identity.Peer) error {
	if peer.Role != identity.RoleNode {
		return wire.Refuse(wire.CodeForbidden, "%s is not enrolled", peer)
	}
	if peer.Site == site {
		m, err := MemberOf(b, wire.PurposeNode, site, peer.Node)
		if err != nil {
			return err
		}
		// The site's first node enrolled itself and has no member record.
		if m != nil && m.State == wire.EnrolRevoked && peer.Key != nil && bytes.Equal(m.Key, fingerprint(peer.Key)) {
			return wire.Refuse(wire.CodeRevoked, "%s was revoked", peer)
		}
		return nil
	}
	m, err := MemberOf(b, wire.PurposeSite, peer.Site, "")
	switch {
	case err != nil:
		return err
	case m == nil:
		return wire.Refuse(wire.CodeForbidden, "%s is not a child of %s", peer.Site, site)
	case m.State == wire.EnrolRevoked:
		return wire.Refuse(wire.CodeRevoked, "%s was revoked", peer.Site)
	case m.State != wire.EnrolApproved:
		return wire.Refuse(wire.CodeForbidden, "%s is not approved", peer.Site)
	case len(peer.Chain) < 2 || !bytes.Equal(fingerprint(peer.Chain[1].PublicKey()), m.Key):
		return wire.Refuse(wire.CodeForbidden, "%s comes with another site key than the one enrolled", peer)
	}
	return nil
}

func readMember(l Ledger, purpose wire.Purpose, site identity.Site, node string) (m *wire.Member, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		m, err = MemberOf(b, purpose, site, node)
		return err
	})
	return m, err
}

func readChildren(l Ledger) (list []*wire.Member, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		list, err = Members(b, wire.PurposeSite)
		return err
	})
	return list, err
}

func checkAllowed(l Ledger, site identity.Site, peer identity.Peer) error {
	return l.View(func(b *bbolt.Bucket) error { return allow(b, site, peer) })
}

func readParent(l Ledger) (p *wire.Parent, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		p, err = ParentOf(b)
		return err
	})
	return p, err
}

// whom names a site, or a node of it, in an error.
func whom(site, node string) string {
	if node == "" {
		return site
	}
	return site + "/" + node
}
