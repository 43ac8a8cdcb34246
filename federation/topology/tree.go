package topology

import (
	"errors"
	"fmt"
	"slices"

	"fengsui/gmcrypto/identity"
)

// Bounds of a tree. A report that exceeds them is cut, with a Problem.
const (
	// SitesMax is more than all counties of the largest province, thrice.
	SitesMax = 4096
	// DepthMax is the number of tiers below the root.
	DepthMax = 8
	// NodesMax bounds the nodes of one site.
	NodesMax = 64
)

// Reasons of a Problem, and of a Build that fails.
var (
	ErrCode      = errors.New("malformed site code")
	ErrOutside   = errors.New("code does not lie below the parent's")
	ErrForeign   = errors.New("not in the subtree of the child that reported it")
	ErrOrphan    = errors.New("parent is not in the tree")
	ErrCycle     = errors.New("is its own ancestor")
	ErrDuplicate = errors.New("reported twice")
	ErrTooMany   = errors.New("bound exceeded")
)

// Problem is a site that was left out of a tree.
type Problem struct {
	Site     identity.Site
	Reporter identity.Site // the child in whose part it came
	Reason   error
}

// Error says which site and why.
func (p Problem) Error() string {
	return fmt.Sprintf("site %.32q reported by %s: %v", string(p.Site), p.Reporter, p.Reason)
}

// Unwrap gives the reason.
func (p Problem) Unwrap() error { return p.Reason }

// Part is what one child reports: its subtree, itself among it.
type Part struct {
	Child identity.Site
	Sites []Site
}

// Tree is a validated tree of sites.
type Tree struct {
	root     identity.Site
	sites    map[identity.Site]Site
	children map[identity.Site][]identity.Site // in order of code
}

// Build makes the tree of a site: itself and what its children report. Only a malformed root is an error; whatever is
// wrong with a part costs the sites concerned and what hangs below them, and is listed. The result does not depend on
// the order of the parts.
func Build(self Site, parts ...Part) (*Tree, []Problem, error) {
	if _, err := identity.ParseSite(string(self.Code)); err != nil {
		return nil, nil, fmt.Errorf("topology root: %w: %w", ErrCode, err)
	}
	t := &Tree{
		root:     self.Code,
		sites:    map[identity.Site]Site{self.Code: self.clone()},
		children: make(map[identity.Site][]identity.Site),
	}
	b := builder{tree: t, pending: make(map[identity.Site]reported)}
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b Part) int { return compare(a.Child, b.Child) })
	for _, p := range parts {
		b.take(p)
	}
	b.join()
	return t, b.problems, nil
}

type reported struct {
	site Site
	by   identity.Site
}

// builder gathers reports by code and then hangs them up from the root downwards.
type builder struct {
	tree     *Tree
	pending  map[identity.Site]reported
	problems []Problem
}

func (b *builder) refuse(s, by identity.Site, reason error) {
	if len(b.problems) < SitesMax {
		b.problems = append(b.problems, Problem{Site: s, Reporter: by, Reason: reason})
	}
}

// take checks each site of a part by itself.
func (b *builder) take(p Part) {
	for _, s := range p.Sites {
		if s.Code == p.Child {
			s.Parent = b.tree.root // who its parent is, we know best
		}
		if _, err := identity.ParseSite(string(s.Code)); err != nil {
			b.refuse(s.Code, p.Child, ErrCode)
			continue
		}
		switch {
		case len(b.pending) >= SitesMax-1, len(s.Nodes) > NodesMax:
			b.refuse(s.Code, p.Child, ErrTooMany)
		case s.Code == b.tree.root, s.Code == s.Parent:
			b.refuse(s.Code, p.Child, ErrCycle)
		case s.Code != p.Child && !p.Child.Above(s.Code):
			b.refuse(s.Code, p.Child, ErrForeign)
		case !s.Parent.Above(s.Code):
			b.refuse(s.Code, p.Child, ErrOutside)
		default:
			b.keep(s, p.Child)
		}
	}
}

// keep notes a report; of two about one site the later counts, and of two equally late ones the first.
func (b *builder) keep(s Site, by identity.Site) {
	old, twice := b.pending[s.Code]
	if !twice {
		b.pending[s.Code] = reported{s.clone(), by}
		return
	}
	if s.Reported.After(old.site.Reported) {
		b.refuse(s.Code, old.by, ErrDuplicate)
		b.pending[s.Code] = reported{s.clone(), by}
		return
	}
	b.refuse(s.Code, by, ErrDuplicate)
}

// join hangs up what can be reached from the root; the rest has no parent here.
func (b *builder) join() {
	below := make(map[identity.Site][]identity.Site)
	for code, r := range b.pending {
		below[r.site.Parent] = append(below[r.site.Parent], code)
	}
	level := []identity.Site{b.tree.root}
	for range DepthMax {
		var next []identity.Site
		for _, parent := range level {
			codes := below[parent]
			slices.SortFunc(codes, compare)
			for _, code := range codes {
				b.tree.sites[code] = b.pending[code].site
				b.tree.children[parent] = append(b.tree.children[parent], code)
				delete(b.pending, code)
			}
			next = append(next, codes...)
		}
		level = next
	}
	left := make([]identity.Site, 0, len(b.pending))
	for code := range b.pending {
		left = append(left, code)
	}
	slices.SortFunc(left, compare)
	for _, code := range left {
		b.refuse(code, b.pending[code].by, ErrOrphan)
	}
}

func compare(a, b identity.Site) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Root is the site whose tree this is.
func (t *Tree) Root() Site { return t.sites[t.root].clone() }

// Len is the number of sites.
func (t *Tree) Len() int { return len(t.sites) }

// Site finds a site.
func (t *Tree) Site(code identity.Site) (Site, bool) {
	s, ok := t.sites[code]
	return s.clone(), ok
}

// Children gives the sites directly below one, in order of code.
func (t *Tree) Children(code identity.Site) []Site {
	out := make([]Site, 0, len(t.children[code]))
	for _, c := range t.children[code] {
		out = append(out, t.sites[c].clone())
	}
	return out
}

// Ancestors gives the sites above one inside this tree, nearest first, the root last; nothing for the root.
func (t *Tree) Ancestors(code identity.Site) []Site {
	var out []Site
	if _, known := t.sites[code]; !known {
		return nil
	}
	for code != t.root {
		code = t.sites[code].Parent
		out = append(out, t.sites[code].clone())
	}
	return out
}

// Walk visits a site and everything below it, parents before children, siblings in order of code. depth is 0 for the
// site itself. When visit returns false, what is below that site is passed over.
func (t *Tree) Walk(from identity.Site, visit func(s Site, depth int) bool) { t.walk(from, 0, visit) }

func (t *Tree) walk(from identity.Site, depth int, visit func(Site, int) bool) {
	s, ok := t.sites[from]
	if !ok || !visit(s.clone(), depth) {
		return
	}
	for _, c := range t.children[from] {
		t.walk(c, depth+1, visit)
	}
}

// Subtree gives a site and everything below it, in the order of Walk.
func (t *Tree) Subtree(code identity.Site) []Site {
	var out []Site
	t.Walk(code, func(s Site, _ int) bool {
		out = append(out, s)
		return true
	})
	return out
}

// Below reports whether a site lies in the subtree of another, or is it, by this tree (not by the codes alone).
func (t *Tree) Below(code, top identity.Site) bool {
	for range DepthMax + 1 {
		if code == top {
			_, known := t.sites[code]
			return known
		}
		s, known := t.sites[code]
		if !known || code == t.root {
			return false
		}
		code = s.Parent
	}
	return false
}

// Route gives the root's child through which a site is reached; false for the root and for unknown sites.
func (t *Tree) Route(to identity.Site) (child identity.Site, ok bool) {
	for range DepthMax {
		s, known := t.sites[to]
		if !known || to == t.root {
			return "", false
		}
		if s.Parent == t.root {
			return to, true
		}
		to = s.Parent
	}
	return "", false
}

// Part gives the tree as a report to the parent.
func (t *Tree) Part() Part { return Part{Child: t.root, Sites: t.Subtree(t.root)} }

// Counts sums up a tree for an overview.
type Counts struct {
	Sites, SitesOnline int // the root counts as online
	Nodes, NodesAlive  int
}

// Counts sums up a site and everything below it. A site below an offline one is not online, whatever was last heard.
func (t *Tree) Counts(from identity.Site) Counts {
	var c Counts
	dark := DepthMax + 1 // depth of the offline site we are below
	t.Walk(from, func(s Site, depth int) bool {
		if depth <= dark {
			dark = DepthMax + 1
			if depth > 0 && !s.Link.Online {
				dark = depth
			}
		}
		c.Sites++
		c.Nodes += len(s.Nodes)
		if dark <= DepthMax {
			return true
		}
		c.SitesOnline++
		for _, n := range s.Nodes {
			if n.Alive {
				c.NodesAlive++
			}
		}
		return true
	})
	return c
}
