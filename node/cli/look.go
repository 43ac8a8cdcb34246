package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fengsui/node/api"
	"fengsui/node/cli/text"
)

func topologyShowCommand() command {
	return command{
		name: "topology show", args: "[--json]", summary: "show this site and everything below it",
		help: `Sites as a tree, with their links and nodes as last heard.

    fengsui topology show` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			if err := f.parse(args, 0, 0, ""); err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			root, err := c.Topology(ctx)
			if err != nil {
				return err
			}
			if *f.json {
				return printJSON(e.Stdout, root)
			}
			t := text.NewTable("site", "name", "link", "since", "nodes", "alerts>")
			treeRows(t, root, 0)
			return t.Print(e.Stdout)
		},
	}
}

func treeRows(t *text.Table, s api.TopologySite, depth int) {
	var nodes []string
	for _, n := range s.Nodes {
		mark := ""
		if n.Leader {
			mark = "*"
		}
		if !n.Alive {
			mark += " (down)"
		}
		nodes = append(nodes, n.Name+mark)
	}
	alerts := ""
	if n, ok := s.Counts["alert"]; ok {
		alerts = fmt.Sprint(n)
	}
	t.Row(strings.Repeat("  ", depth)+s.Site, s.Name, s.Link, when(s.Since), strings.Join(nodes, " "), alerts)
	for _, child := range s.Children {
		treeRows(t, child, depth+1)
	}
}

func captureReplayCommand() command {
	return command{
		name: "capture replay", args: "FILE [--speed N] [--repeat N] [--wait] [--json]", summary: "run a capture file through a running node's detection",
		help: `The alerts are real: they are committed and travel up. --speed 1 replays as captured, 0 as fast as possible. Each pass counts
afresh. The file is read by the node, on the node's machine. --wait returns when all alerts are in the ledger.

    fengsui capture replay incident.pcap.gz --speed 10 --wait` + nodeFlagsHelp,
		run: runCaptureReplay,
	}
}

func runCaptureReplay(ctx context.Context, e Env, args []string) error {
	f := newFlags(e).forNode()
	speed := f.Float64("speed", 0, "1 = as captured, 0 = as fast as possible")
	repeat := f.Int("repeat", 1, "passes over the file")
	wait := f.Bool("wait", false, "return when all alerts are in the ledger")
	if err := f.parse(args, 1, 1, "one capture file"); err != nil {
		return err
	}
	if *repeat < 1 || !(*speed >= 0) {
		return usagef("--repeat wants at least 1 and --speed at least 0")
	}
	path, err := filepath.Abs(f.args[0])
	if err != nil {
		return fmt.Errorf("find %s: %w", f.args[0], err)
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	progress := text.NewProgress(e.Stderr)
	if *wait {
		progress.Show("replaying %s …", f.args[0])
	}
	r, err := c.StartReplay(ctx, api.ReplayRequest{Path: path, Speed: *speed, Repeat: *repeat, Wait: *wait})
	progress.Done()
	if err != nil {
		return err
	}
	if *f.json {
		return printJSON(e.Stdout, r)
	}
	if !*wait {
		_, err = fmt.Fprintf(e.Stdout, "replay %s runs\n", r.ID)
		return err
	}
	if _, err := fmt.Fprintf(e.Stdout, "replay %s %s: %d packets, %d flows, %d alerts, %d committed, %s\n",
		r.ID, r.State, r.Packets, r.Flows, r.Alerts, r.Committed, r.Ended.Sub(r.Started).Round(time.Millisecond)); err != nil {
		return err
	}
	if r.CutOff {
		fmt.Fprintf(e.Stderr, "%s ends inside a packet: the file is cut off; everything before was read\n", text.Clean(r.Path))
	}
	if r.State != "done" {
		return fmt.Errorf("replay %s: %s", r.State, r.Error)
	}
	return nil
}

func ledgerBalanceCommand() command {
	return command{
		name: "ledger balance", args: "[--json]", summary: "show that nothing was lost: produced = delivered + pending, for every origin and class",
		help: `Produced is what this site's ledger holds of each origin, delivered what the parent has acknowledged, pending the rest.

    fengsui ledger balance` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			if err := f.parse(args, 0, 0, ""); err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			b, err := c.Balance(ctx)
			if err != nil {
				return err
			}
			if *f.json {
				return printJSON(e.Stdout, b)
			}
			if b.Root {
				fmt.Fprintf(e.Stderr, "%s is the top of the tree: it delivers to nobody\n", b.Site)
			}
			return printAll(f, b.Lanes, []string{"origin", "class", "epoch>", "produced>", "delivered>", "pending>"}, func(l api.Balance) []any {
				return []any{l.Origin, l.Class, l.Epoch, l.Produced, l.Delivered, l.Pending}
			})
		},
	}
}

func enforceShowCommand() command {
	return command{
		name: "enforce show", args: "[--json]", summary: "show what this node blocks, as the kernel says",
		help: `Entries are read back from nftables, not from what was asked for.

    fengsui enforce show` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			if err := f.parse(args, 0, 0, ""); err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			s, err := c.Enforcement(ctx)
			if err != nil {
				return err
			}
			if *f.json {
				return printJSON(e.Stdout, s)
			}
			fmt.Fprintf(e.Stderr, "mode %s, %s since %s, %d packets (%d bytes) dropped\n", s.Mode, s.State, when(s.Since), s.Packets, s.Bytes)
			if s.Reason != "" {
				fmt.Fprintf(e.Stderr, "%s\n", text.Clean(s.Reason))
			}
			for _, entry := range s.Entries {
				if _, err := fmt.Fprintln(e.Stdout, text.Clean(entry)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
