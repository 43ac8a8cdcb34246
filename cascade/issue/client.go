package issue

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// ClientConfig is what a Client needs; all of it is required.
type ClientConfig struct {
	Site     identity.Site // this site
	Ledger   Ledger
	Proposer Proposer
	Sealer   Sealer
	Trust    Verifier
	// Open returns a new stream to the parent site; it may block until there is a link.
	Open   func(ctx context.Context) (net.Conn, error)
	Logger *slog.Logger
}

// ClientStats counts since the start.
type ClientStats struct {
	Sessions  uint64 // streams opened
	Documents uint64 // committed
	Refused   uint64 // not believed, or not newer
	States    uint64 // acknowledged by the parent
	Failures  uint64 // sessions that ended with an error
}

// Client takes documents from the parent into the ledger, and tells the parent what became of
// them here and below. It belongs on the node that leads the site.
type Client struct {
	cfg   ClientConfig
	stats struct{ sessions, documents, refused, states, failures atomic.Uint64 }
}

// NewClient returns a Client; nothing runs before Run.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Site == "" || cfg.Ledger == nil || cfg.Proposer == nil || cfg.Sealer == nil || cfg.Trust == nil || cfg.Open == nil || cfg.Logger == nil {
		return nil, errors.New("issue client: site, ledger, proposer, sealer, trust, open and logger are required")
	}
	return &Client{cfg: cfg}, nil
}

// Stats returns the counters.
func (c *Client) Stats() ClientStats {
	s := &c.stats
	return ClientStats{s.sessions.Load(), s.documents.Load(), s.refused.Load(), s.states.Load(), s.failures.Load()}
}

// Run keeps a session to the parent until ctx ends, and then returns nil.
func (c *Client) Run(ctx context.Context) error {
	wire.Keep(ctx, c.session, func(err error) {
		if !wire.Ended(err) {
			c.stats.failures.Add(1)
			c.cfg.Logger.Warn("issue: session with the parent ended, will open another", "err", err)
		}
	})
	return nil
}
