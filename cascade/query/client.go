package query

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// ClientConfig is what a Client needs; all of it is required.
type ClientConfig struct {
	Site identity.Site
	Hub  *Hub // answers
	// Open returns a new stream to the parent site; it may block until there is a link.
	Open   func(ctx context.Context) (net.Conn, error)
	Logger *slog.Logger
}

// Client holds a session to the parent open, over which the parent asks. It belongs on the
// node that leads the site.
type Client struct{ cfg ClientConfig }

// NewClient returns a Client; nothing runs before Run.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Site == "" || cfg.Hub == nil || cfg.Open == nil || cfg.Logger == nil {
		return nil, errors.New("query client: site, hub, open and logger are required")
	}
	return &Client{cfg: cfg}, nil
}

// Run answers the parent until ctx ends, and then returns nil.
func (c *Client) Run(ctx context.Context) error {
	wire.Keep(ctx, func(ctx context.Context) (bool, error) { return false, c.session(ctx) }, func(err error) {
		if !wire.Ended(err) {
			c.cfg.Logger.Warn("query: session with the parent ended, will open another", "err", err)
		}
	})
	return nil
}

func (c *Client) session(ctx context.Context) error {
	conn, err := c.cfg.Open(ctx)
	if err != nil {
		return err
	}
	defer wire.Bind(ctx, conn)()
	framed := wire.NewConn(conn)
	if err := framed.Write(&wire.QueryUp{Body: &wire.QueryUp_Hello{Hello: &wire.QueryHello{Version: wire.Version}}}); err != nil {
		return err
	}
	return answer(ctx, framed, c.ask)
}

// ask answers with the hub, for this site under its own name when the question cannot be
// answered at all.
func (c *Client) ask(ctx context.Context, q *wire.Query) (*part, error) {
	p := newPart(q)
	a, err := c.cfg.Hub.Ask(ctx, q)
	if err != nil {
		st := wire.StatusOf(err)
		refused := &wire.SiteAnswer{Site: string(c.cfg.Site), Completeness: wire.Refused, Code: st.GetCode(), Text: st.GetText()}
		p.add(&wire.AnswerPage{Last: true, Sites: []*wire.SiteAnswer{refused}})
		return p, nil
	}
	p.add(&wire.AnswerPage{Rows: a.Rows, Last: true, Sites: a.Sites})
	return p, nil
}
