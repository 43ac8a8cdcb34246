package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"fengsui/node/api"
)

// policyBytesMax bounds what one document may hold; the node has the final say.
const policyBytesMax = 32 << 20

func policyIssueCommand() command {
	return command{
		name: "policy issue", args: "KIND NAME FILE… [--target SITE…] [--json]", summary: "send a rule set, indicator list or block list down the tree",
		help: `KIND is ruleset (Suricata rules), indicators (one a line) or blocklist (addresses and prefixes, one a line; enforced by nodes
that may). FILE "-" is standard input; several files become one document. Issuing the same NAME again replaces it everywhere by
a newer version. --target 440100 means that site and everything below it; without a target it is for everything below this site.
Each site verifies, commits and applies it, and says what came of it: ` + "`fengsui policy status`" + `.

    fengsui policy issue blocklist campaign-42 bad-addresses.txt --target 440100` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			var targets list
			f.Var(&targets, "target", "site the document is for")
			if err := f.parse(args, 3, -1, "a kind, a name and at least one file"); err != nil {
				return err
			}
			kinds := []string{"ruleset", "indicators", "blocklist"}
			if !slices.Contains(kinds, f.args[0]) {
				return usagef("unknown kind %q; kinds are %s", f.args[0], strings.Join(kinds, ", "))
			}
			var body []byte
			for _, name := range f.args[2:] {
				part, err := readInput(e, name, policyBytesMax)
				if err != nil {
					return err
				}
				if len(body) > 0 && !bytes.HasSuffix(body, []byte("\n")) {
					body = append(body, '\n')
				}
				body = append(body, part...)
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			p, err := c.IssuePolicy(ctx, api.PolicyRequest{Kind: f.args[0], Name: f.args[1], Targets: targets, Body: body})
			if err != nil {
				return err
			}
			if *f.json {
				return printJSON(e.Stdout, p)
			}
			_, err = fmt.Fprintf(e.Stdout, "%s %s version %d issued by %s\n", p.Kind, p.Name, p.Version, p.Issuer)
			return err
		},
	}
}

func policyListCommand() command {
	return command{
		name: "policy list", args: "[--json]", summary: "list the documents this site has, own and received",
		help: `The newest version of each, with how many nodes of the subtree are in which state.

    fengsui policy list` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			if err := f.parse(args, 0, 0, ""); err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			all, err := c.Policies(ctx)
			if err != nil {
				return err
			}
			return printAll(f, all, []string{"kind", "name", "version>", "issuer", "created", "targets", "states"}, func(p api.Policy) []any {
				return []any{p.Kind, p.Name, p.Version, p.Issuer, when(p.Created), targetText(p.Targets), stateText(p.States)}
			})
		},
	}
}

func targetText(targets []string) string {
	if len(targets) == 0 {
		return "all below"
	}
	return strings.Join(targets, " ")
}

// stateText lists counts by state, in the order of a document's life.
func stateText(states map[string]int) string {
	var out []string
	for _, s := range []string{"applied", "refused", "received", "held"} {
		if n := states[s]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(out, ", ")
}

// policyArgs reads KIND NAME and the issuer.
func policyArgs(e Env, args []string) (*flags, *string, error) {
	f := newFlags(e).forNode()
	issuer := f.String("issuer", "", "site that issued it, where several have one of that name")
	return f, issuer, f.parse(args, 2, 2, "a kind and a name; `fengsui policy list` shows them")
}

func policyStatusCommand() command {
	return command{
		name: "policy status", args: "KIND NAME [--issuer SITE] [--json]", summary: "show what every node did with a document",
		help: `One line a node of this site and all below: received, applied, refused with the reason, or held.

    fengsui policy status blocklist campaign-42` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f, issuer, err := policyArgs(e, args)
			if err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			s, err := c.PolicyStatus(ctx, *issuer, f.args[0], f.args[1])
			if err != nil {
				return err
			}
			if *f.json {
				return printJSON(e.Stdout, s)
			}
			fmt.Fprintf(e.Stderr, "%s %s version %d issued by %s at %s\n", s.Policy.Kind, s.Policy.Name, s.Policy.Version, s.Policy.Issuer, when(s.Policy.Created))
			return printAll(f, s.Nodes, []string{"site", "node", "version>", "state", "at", "reason…"}, func(n api.PolicyState) []any {
				return []any{n.Site, n.Node, n.Version, n.State, when(n.At), n.Reason}
			})
		},
	}
}

func policyShowCommand() command {
	return command{
		name: "policy show", args: "KIND NAME [--issuer SITE] [--json]", summary: "print a document's text",
		help: `The newest version, as it was issued.

    fengsui policy show blocklist campaign-42` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f, issuer, err := policyArgs(e, args)
			if err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			p, err := c.Policy(ctx, *issuer, f.args[0], f.args[1])
			if err != nil {
				return err
			}
			if *f.json {
				return printJSON(e.Stdout, p)
			}
			fmt.Fprintf(e.Stderr, "%s %s version %d issued by %s at %s, digest %s\n", p.Kind, p.Name, p.Version, p.Issuer, when(p.Created), p.Digest)
			_, err = e.Stdout.Write(p.Body)
			return err
		},
	}
}
