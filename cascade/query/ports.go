package query

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// ErrCut, wrapped by a Searcher's error, says that it stopped before it had looked through
// everything: what it found and counted so far still goes into the answer, as partial.
var ErrCut = errors.New("search ended before it had seen everything")

// Searcher looks through this site's own records.
type Searcher interface {
	// Search calls found for each match, the newest first, until found returns false, and
	// goes on counting. It returns soon after ctx ends. An expression it does not understand is a *wire.Error with CodeQuery.
	Search(ctx context.Context, q *wire.Query, found func(*wire.Row) bool) (matched uint64, err error)
}

// Place is a site below this one, and the child of this site on the way to it (itself, for a child).
type Place struct {
	Site, Via identity.Site
}

// HubConfig is what a Hub needs. Site, Searcher, Known and Logger are required.
type HubConfig struct {
	Site     identity.Site
	Searcher Searcher
	// Known lists every site below this one, so that one that says nothing is still named.
	Known func() ([]Place, error)
	// Locate names the other node of this site that holds a child's session; Forward opens
	// a stream to that node's Hub.Serve. Nil where a site has one node.
	Locate  func(child identity.Site) (node string, ok bool)
	Forward func(ctx context.Context, node string) (net.Conn, error)
	// Allow is asked when a session begins and before each question to it; nil allows nodes of
	// this site and of sites below. It must be quick.
	Allow  func(identity.Peer) error
	Logger *slog.Logger
}

// Answer is what is known when the deadline comes, or earlier when everybody has answered.
type Answer struct {
	ID      [wire.IDBytes]byte
	Rows    []*wire.Row        // the newest first, no row twice, at most Query.limit
	Sites   []*wire.SiteAnswer // one for every site in scope, by code
	Matched uint64             // over all sites; more than len(Rows) when the limit cut
	Took    time.Duration
}

// Complete tells whether every site in scope looked through all its records.
func (a *Answer) Complete() bool {
	for _, s := range a.Sites {
		if s.GetCompleteness() != wire.Answered {
			return false
		}
	}
	return true
}

// Stats counts since the start.
type Stats struct {
	Asked     uint64 // questions put to this hub
	Sessions  uint64 // children's sessions served
	Offline   uint64 // sites that could not be asked
	Late      uint64 // sites that did not answer in time
	Malformed uint64 // frames that broke a rule; each ended its session
	Refused   uint64 // sessions refused
}
