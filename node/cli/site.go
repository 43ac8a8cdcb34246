package cli

import (
	"context"
	"fmt"
	"time"

	"fengsui/node/api"
)

func siteInviteCommand() command {
	return command{
		name: "site invite", args: "CODE [--name NAME] [--approve] [--ttl 24h] [--json]", summary: "make a one-time token for a site below this one",
		help: `Prints the token on standard output. Whoever holds it can ask once to become site CODE below this site, so hand it over like a
key. Without --approve the request then waits for ` + "`fengsui site approve`" + `; with it the site is admitted at once.
At the new site: fengsui node init --invite FILE.

    fengsui site invite 440106 --name 天河区 --ttl 2h > tianhe.token` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			name := f.String("name", "", "what people call the site")
			approve := f.Bool("approve", false, "admit the site without a further decision")
			ttl := f.Duration("ttl", 24*time.Hour, "how long the token is good for")
			if err := f.parse(args, 1, 1, "one site code, such as 440106"); err != nil {
				return err
			}
			return invite(ctx, f, api.InviteRequest{Purpose: "site", Site: f.args[0], Name: *name, Approve: *approve, TTL: *ttl})
		},
	}
}

// invite asks for a token and prints it alone on standard output.
func invite(ctx context.Context, f *flags, r api.InviteRequest) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	v, err := c.Invite(ctx, r)
	if err != nil {
		return err
	}
	if *f.json {
		return printJSON(f.env.Stdout, v)
	}
	fmt.Fprintf(f.env.Stderr, "good once, until %s\n", when(v.Expires))
	_, err = fmt.Fprintln(f.env.Stdout, v.Token)
	return err
}

func siteApproveCommand() command {
	return command{
		name: "site approve", args: "CODE [--json]", summary: "admit a site that asked to join",
		help: `Signs the site's certificate. Compare the fingerprint first, by another way than this network:
` + "`fengsui site show CODE`" + ` here and ` + "`fengsui node status`" + ` there must show the same.

    fengsui site approve 440106` + nodeFlagsHelp,
		run: decide(func(c *api.Client, ctx context.Context, site, _ string) (api.Site, error) {
			return c.ApproveSite(ctx, site)
		}, false),
	}
}

func siteRejectCommand() command {
	return command{
		name: "site reject", args: "CODE [--reason TEXT] [--json]", summary: "turn down a site that asked to join",
		help: `The site is told the reason.

    fengsui site reject 440106 --reason "ask again after the move"` + nodeFlagsHelp,
		run: decide((*api.Client).RejectSite, true),
	}
}

func siteRevokeCommand() command {
	return command{
		name: "site revoke", args: "CODE [--reason TEXT] [--json]", summary: "end the membership of a site",
		help: `Its sessions are closed and no new ones are accepted. What it delivered before stays.

    fengsui site revoke 440106 --reason "keys lost"` + nodeFlagsHelp,
		run: decide((*api.Client).RevokeSite, true),
	}
}

// decide is the shared body of approve, reject and revoke.
func decide(call func(*api.Client, context.Context, string, string) (api.Site, error), reasoned bool) func(context.Context, Env, []string) error {
	return func(ctx context.Context, e Env, args []string) error {
		f := newFlags(e).forNode()
		reason := new(string)
		if reasoned {
			reason = f.String("reason", "", "told to the site")
		}
		if err := f.parse(args, 1, 1, "one site code, such as 440106"); err != nil {
			return err
		}
		c, err := f.client()
		if err != nil {
			return err
		}
		s, err := call(c, ctx, f.args[0], *reason)
		if err != nil {
			return err
		}
		if *f.json {
			return printJSON(e.Stdout, s)
		}
		_, err = fmt.Fprintf(e.Stdout, "%s %s %s\n", s.Site, s.Name, s.State)
		return err
	}
}

func siteListCommand() command {
	return command{
		name: "site list", args: "[--json]", summary: "list the sites directly below this one",
		help: `Every site that ever asked to join, with its state and its link. ` + "`fengsui topology show`" + ` shows the whole subtree.

    fengsui site list` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			if err := f.parse(args, 0, 0, ""); err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			sites, err := c.Sites(ctx)
			if err != nil {
				return err
			}
			return printAll(f, sites, []string{"site", "name", "state", "link", "since", "requested", "note…"}, func(s api.Site) []any {
				return []any{s.Site, s.Name, s.State, s.Link, when(s.Since), when(s.Requested), s.Reason}
			})
		},
	}
}

func siteShowCommand() command {
	return command{
		name: "site show", args: "CODE [--json]", summary: "show one site below this one",
		help: `Shows what the register holds about the site, with the fingerprint of its key.

    fengsui site show 440106` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			if err := f.parse(args, 1, 1, "one site code, such as 440106"); err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			sites, err := c.Sites(ctx)
			if err != nil {
				return err
			}
			for _, s := range sites {
				if s.Site != f.args[0] {
					continue
				}
				if *f.json {
					return printJSON(e.Stdout, s)
				}
				return pairs(e.Stdout, "site", s.Site, "name", s.Name, "state", s.State, "reason", s.Reason, "fingerprint", s.Fingerprint,
					"requested", when(s.Requested), "decided", when(s.Decided), "link", s.Link, "since", when(s.Since), "held by", s.Holder)
			}
			return api.Problemf(api.CodeNotFound, "`fengsui site list` shows those there are", "no site %s below this one", f.args[0])
		},
	}
}
