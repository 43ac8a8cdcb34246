package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"fengsui/cascade/register"
	"fengsui/cascade/wire"
	"fengsui/federation/durable"
	"fengsui/node"
	"fengsui/node/api"
	"fengsui/node/cli/text"
	"fengsui/node/config"
	"fengsui/node/monitor"
)

// tokenBytesMax bounds the file that holds an invite.
const tokenBytesMax = 64 << 10

func nodeInitCommand() command {
	return command{
		name: "node init", args: "--data DIR [--site CODE --node NAME …] [--invite FILE] [--wait 10m] [--json]", summary: "make a node: configuration, keys, and its place in the tree",
		help: `Writes DIR/fengsui.yaml from the flags (and the invite) where there is none, makes the keys, and enrols. Without --invite the node is the first of
a new root site (a province). With the token of ` + "`fengsui site invite`" + ` it becomes the first node of a site below; with that of
` + "`fengsui node invite`" + ` a further node of the same site. FILE "-" is standard input. Waits until the site is approved
(--wait gives up earlier); may be repeated at any point.

Flags of a new configuration: --site, --name, --node, --listen, --advertise, --enforce off|nftables, and --set KEY=VALUE for any
other key (` + "`fengsui help config`" + `).

    fengsui node init --data /var/lib/fengsui --site 440000 --name 广东省 --node n1 --listen 10.20.0.11:7400`,
		run: runNodeInit,
	}
}

// settings are the flags that make a configuration, or override one.
type settings struct {
	values map[string]string // by key path
}

func (s *settings) flags(f *flags) {
	for name, path := range map[string]string{"site": "site", "name": "name", "node": "node", "listen": "listen", "advertise": "advertise", "enforce": "enforce.mode"} {
		f.Func(name, "sets "+path, func(v string) error { s.values[path] = v; return nil })
	}
	s.set(f)
}

func (s *settings) set(f *flags) {
	f.Func("set", "sets any key: KEY=VALUE", func(v string) error {
		path, value, ok := strings.Cut(v, "=")
		if !ok {
			return errors.New("want KEY=VALUE")
		}
		s.values[path] = value
		return nil
	})
}

func runNodeInit(ctx context.Context, e Env, args []string) error {
	f := newFlags(e)
	data := f.String("data", e.Getenv("FENGSUI_DATA"), "data directory")
	invite := f.String("invite", "", "file with the token")
	wait := f.Duration("wait", 0, "give up when not enrolled by then; 0 = never")
	s := settings{map[string]string{}}
	s.flags(f)
	if err := f.parse(args, 0, 0, ""); err != nil {
		return err
	}
	if *data == "" {
		return usagef("want --data DIR")
	}
	token, known, err := readToken(e, *invite)
	if err != nil {
		return err
	}
	cfg, err := initConfig(e, *data, s.values, known)
	if err != nil {
		return err
	}
	logger, err := monitor.NewLogger(e.Stderr, "warn", cfg.Log.Format)
	if err != nil {
		return err
	}
	began, last := time.Now(), ""
	waiting, cancel := ctx, func() {}
	if *wait > 0 {
		waiting, cancel = context.WithTimeout(ctx, *wait)
	}
	defer cancel()
	err = node.Init(waiting, *cfg, node.InitOptions{Token: token, Logger: logger, Progress: func(step string) {
		if last != step { // a step may be tried many times
			fmt.Fprintf(e.Stderr, "%s\n", text.Clean(step))
		}
		last = step
	}})
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return fmt.Errorf("not enrolled within %s (%s); run the same command again to go on", *wait, last)
	}
	if err != nil {
		return err
	}
	if *f.json {
		return printJSON(e.Stdout, map[string]any{"site": cfg.Site, "node": cfg.Node, "data": cfg.Data, "config": cfg.Path, "ms": time.Since(began).Milliseconds()})
	}
	_, err = fmt.Fprintf(e.Stdout, "%s/%s is ready; start it with `fengsui node run --data %s`\n", cfg.Site, cfg.Node, cfg.Data)
	return err
}

// readToken reads an invite and what it says about the node to be made, so that nobody has to type it again.
func readToken(e Env, path string) (token string, known map[string]string, err error) {
	if path == "" {
		return "", nil, nil
	}
	b, err := readInput(e, path, tokenBytesMax)
	if err != nil {
		return "", nil, err
	}
	t, err := register.ParseToken(string(b))
	if err != nil {
		return "", nil, err
	}
	known = map[string]string{"site": t.GetSite(), "node": cmp.Or(t.GetNode(), "n1")}
	if t.GetPurpose() == wire.PurposeNode && t.GetNode() == "" {
		delete(known, "node") // n1 is there already: a person must choose
	}
	if t.GetName() != "" {
		known["name"] = t.GetName()
	}
	return strings.TrimSpace(string(b)), known, nil
}

// initConfig loads the configuration in dir, after writing it where there is none: from the given values, and for the rest from what is known.
// Where there is one, the values must agree with it: settings given twice and differently are a mistake somebody should see.
func initConfig(e Env, dir string, values, known map[string]string) (*config.Config, error) {
	path := filepath.Join(dir, config.FileName)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		all := maps.Clone(known)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, values)
		if err := writeConfig(e, dir, path, all); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, fmt.Errorf("look for a configuration: %w", err)
	}
	overrides := config.Overrides{Environ: settingsOf(e)}
	plain, err := config.Load(path, overrides)
	if err != nil {
		return nil, err
	}
	overrides.Flags = values
	with, err := config.Load(path, overrides)
	if err != nil {
		return nil, err
	}
	var a, b bytes.Buffer
	if err := errors.Join(plain.Dump(&a), with.Dump(&b)); err != nil {
		return nil, err
	}
	unmarked := func(b *bytes.Buffer) string {
		return strings.NewReplacer(" # given", "", " # default", "").Replace(b.String())
	}
	if unmarked(&a) != unmarked(&b) {
		return nil, usagef("%s is there already and says otherwise; edit it, or leave the settings out", path)
	}
	return plain, nil
}

// settingsOf is the environment without FENGSUI_DATA, which for these commands says which node is meant, and FENGSUI_CONFIG.
func settingsOf(e Env) []string {
	var out []string
	for _, kv := range e.Environ {
		if !strings.HasPrefix(kv, "FENGSUI_DATA=") {
			out = append(out, kv)
		}
	}
	return out
}

// writeConfig makes the first configuration of a node.
func writeConfig(e Env, dir, path string, values map[string]string) error {
	var b strings.Builder
	b.WriteString("# Written by `fengsui node init`. `fengsui help config` shows every key with its meaning and default.\n")
	given := map[string]string{"data": "."}
	for k, v := range values {
		given[k] = v
	}
	section := ""
	for _, k := range config.Keys() {
		v, ok := given[k.Path]
		if !ok {
			continue
		}
		delete(given, k.Path)
		name := k.Path
		if s, rest, nested := strings.Cut(k.Path, "."); nested {
			if s != section {
				b.WriteString(s + ":\n")
			}
			section, name = s, "  "+rest
		}
		if k.Path == "parent.via" {
			var items []string
			for _, item := range strings.Split(v, ",") {
				items = append(items, strconv.Quote(strings.TrimSpace(item)))
			}
			v = "[" + strings.Join(items, ", ") + "]"
		} else if strings.Trim(v, "0123456789") != "" && v != "true" && v != "false" {
			v = strconv.Quote(v)
		}
		fmt.Fprintf(&b, "%s: %s\n", name, v)
	}
	for k := range given {
		return usagef("unknown key %q; `fengsui help config` lists the keys", k)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find %s: %w", dir, err)
	}
	if _, err := config.Parse("settings", abs, []byte(b.String())); err != nil {
		var problems config.Problems
		if errors.As(err, &problems) {
			for i := range problems { // the file does not exist: only the keys mean something to the reader
				problems[i].File, problems[i].Line, problems[i].Column = "settings", 0, 0
			}
		}
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := durable.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	fmt.Fprintf(e.Stderr, "wrote %s\n", path)
	return nil
}

func nodeRunCommand() command {
	return command{
		name: "node run", args: "--data DIR | --config FILE [--set KEY=VALUE …]", summary: "run a node until it is told to stop",
		help: `Runs in the foreground and logs to standard error; SIGTERM or Ctrl-C stops it in order. --set overrides one key of the file for this
run, and FENGSUI_* variables do so too (` + "`fengsui help config`" + `). Only one process may use a data directory.

    fengsui node run --data /var/lib/fengsui --set log.level=debug`,
		run: runNodeRun,
	}
}

func runNodeRun(ctx context.Context, e Env, args []string) error {
	f := newFlags(e).forNode()
	s := settings{map[string]string{}}
	s.set(f)
	if err := f.parse(args, 0, 0, ""); err != nil {
		return err
	}
	path := *f.config
	if path == "" && *f.data == "" {
		path = e.Getenv(config.EnvConfig)
	}
	if path == "" {
		dir, err := f.dataDir()
		if err != nil {
			return err
		}
		path = filepath.Join(dir, config.FileName)
	}
	cfg, err := config.Load(path, config.Overrides{Environ: settingsOf(e), Flags: s.values})
	if err != nil {
		return err
	}
	logger, err := monitor.NewLogger(e.Stderr, cfg.Log.Level, cfg.Log.Format)
	if err != nil {
		return err
	}
	return node.Run(ctx, *cfg, node.Options{Logger: logger, Version: version, Ready: func() {
		if *f.json {
			_ = printJSON(e.Stdout, map[string]any{"ready": true, "site": cfg.Site, "node": cfg.Node, "pid": os.Getpid()}) // whoever waits for it is gone
		}
	}})
}

func nodeInviteCommand() command {
	return command{
		name: "node invite", args: "[NAME] [--ttl 24h] [--json]", summary: "make a one-time token for a further node of this site",
		help: `Prints the token on standard output. At the new machine: fengsui node init --data DIR --site CODE --node NAME --invite FILE.

    fengsui node invite n2 > n2.token` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			ttl := f.Duration("ttl", 24*time.Hour, "how long the token is good for")
			if err := f.parse(args, 0, 1, "at most one node name"); err != nil {
				return err
			}
			r := api.InviteRequest{Purpose: "node", TTL: *ttl}
			if len(f.args) > 0 {
				r.Name = f.args[0]
			}
			return invite(ctx, f, r)
		},
	}
}

func nodeStatusCommand() command {
	return command{
		name: "node status", args: "[--json]", summary: "show how a running node and its site are doing",
		help: `What the node says about itself: its site's members and leader, the link to the parent, capture, detection, what waits.

    fengsui node status` + nodeFlagsHelp,
		run: runNodeStatus,
	}
}

func runNodeStatus(ctx context.Context, e Env, args []string) error {
	f := newFlags(e).forNode()
	if err := f.parse(args, 0, 0, ""); err != nil {
		return err
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if *f.json {
		return printJSON(e.Stdout, s)
	}
	parent := "none: this is the top of the tree"
	if p := s.Parent; p != nil {
		switch {
		case p.Connected:
			parent = fmt.Sprintf("%s, connected to %s for %s", p.Site, p.Addr, since(p.Since))
		case p.Holder != "" && p.Holder != s.Node:
			parent = fmt.Sprintf("%s, held by %s", p.Site, p.Holder)
		default:
			parent = fmt.Sprintf("%s, not connected for %s: %s", p.Site, since(p.Since), p.Error)
		}
	}
	leader := s.Cluster.Leader
	if leader == "" {
		leader = "none"
	}
	lines := []any{
		"node", fmt.Sprintf("%s/%s %s, version %s, process %d", s.Site, s.Node, s.SiteName, s.Version, s.PID),
		"state", fmt.Sprintf("%s since %s", s.State, when(s.Started)),
		"address", fmt.Sprintf("%s (others use %s)", s.Listen, s.Advertise),
		"site", fmt.Sprintf("leader %s, applied index %d in term %d", leader, s.Cluster.Index, s.Cluster.Term),
		"parent", parent,
		"detection", fmt.Sprintf("%d signatures, %d indicators, %d blocked", s.Detection.Signatures, s.Detection.Indicators, s.Detection.Blocked),
		"alerts", fmt.Sprintf("%d raised, %d folded, %d committed, %d waiting, %d on disk without quorum, %d shed", s.Pipeline.Alerts, s.Pipeline.Folded, s.Pipeline.Committed, s.Pipeline.Queued, s.Pipeline.Spooled, s.Pipeline.Shed),
		"key", s.Certificate.Fingerprint + ", certificate until " + when(s.Certificate.NotAfter),
	}
	if err := pairs(e.Stdout, append(lines, loadLines(s)...)...); err != nil {
		return err
	}
	t := text.NewTable("", "member", "address", "votes", "alive", "leads")
	for _, n := range s.Cluster.Nodes {
		t.Row(" ", n.Name, n.Addr, yes(n.Voter), yes(n.Alive), yes(n.Leader))
	}
	for _, s := range s.Capture {
		t.Row(" ", s.Name, s.Kind, s.State, fmt.Sprintf("%d packets", s.Packets), fmt.Sprintf("%d dropped %s", s.Dropped, s.Error))
	}
	return t.Print(e.Stdout)
}

// loadLines tell about limits and evidence, where there are any.
func loadLines(s api.Status) (out []any) {
	if l := s.Load; l.CPULimit > 0 || l.MemoryLimit > 0 || l.Level > 0 {
		share := func(v, limit float64) string {
			if limit == 0 {
				return fmt.Sprintf("%.1f %%", v)
			}
			return fmt.Sprintf("%.1f %% (limit %g %%)", v, limit)
		}
		out = append(out, "load", fmt.Sprintf("level %d, processors %s, memory %s, shed %d bytes of payload and %d flows",
			l.Level, share(l.CPU, l.CPULimit), share(l.Memory, l.MemoryLimit), l.CutBytes, l.Flows))
	}
	if ev := s.Evidence; ev != nil {
		out = append(out, "evidence", strings.TrimSpace(fmt.Sprintf("%d files, %d bytes, %d not kept %s", ev.Files, ev.Bytes, ev.NotKept, ev.Error)))
	}
	return out
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
