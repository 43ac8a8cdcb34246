package topology

import (
	"slices"
	"time"

	"fengsui/gmcrypto/identity"
)

// Site is one operations centre.
type Site struct {
	Code   identity.Site
	Name   string        // for people, such as 广州市
	Parent identity.Site // empty for the topmost site
	Nodes  []Node
	Link   Link // to the parent, as the parent sees it
	// Reported is when the site last spoke for itself (its own clock); of two reports about one site the later counts.
	Reported time.Time
}

// Node is one process of a site.
type Node struct {
	Name    string
	Addr    string // where peers of the site reach it
	Version string
	Alive   bool
	Leader  bool
}

// Link is the state of the line between a site and its parent.
type Link struct {
	Online bool
	Via    string    // the parent's node that holds it
	Since  time.Time // of the present state
}

// FullName is a node's name in the mesh, such as 440106/n1.
func FullName(site identity.Site, node string) string { return string(site) + "/" + node }

// clone gives a copy that shares nothing, with the nodes in order of name.
func (s Site) clone() Site {
	s.Nodes = slices.Clone(s.Nodes)
	slices.SortFunc(s.Nodes, func(a, b Node) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return s
}
