package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fengsui/node/api"
	"fengsui/node/cli/text"
)

func alertListCommand() command {
	return command{
		name: "alert list", args: "[EXPR] [--origin SITE] [--since TIME] [--until TIME] [--limit N] [--oldest] [--json]",
		summary: "list alerts of this site's ledger, own and received",
		help: `The newest alerts, in ledger order, newest last; --oldest starts from the beginning instead. EXPR chooses, such as
'severity<=2 and src_ip=198.51.100.0/24' or a word of the message. Times are 2026-03-12T08:00:00+08:00, or an age such as 15m.

    fengsui alert list --since 15m 'severity=1'` + nodeFlagsHelp,
		run: runAlertList,
	}
}

func runAlertList(ctx context.Context, e Env, args []string) error {
	f := newFlags(e).forNode()
	origin := f.String("origin", "", "only alerts raised at this site")
	sinceText := f.String("since", "", "not older than this")
	untilText := f.String("until", "", "older than this")
	limit := f.Int("limit", 100, "how many at most")
	oldest := f.Bool("oldest", false, "start with the oldest")
	if err := f.parse(args, 0, -1, ""); err != nil {
		return err
	}
	filter := api.AlertFilter{Origin: *origin, Expr: strings.Join(f.args, " "), Limit: *limit, Newest: !*oldest}
	var err error
	if filter.Since, err = parseTime(*sinceText); err != nil {
		return usagef("--since: %v", err)
	}
	if filter.Until, err = parseTime(*untilText); err != nil {
		return usagef("--until: %v", err)
	}
	if *limit < 1 || *limit > 1000 {
		return usagef("--limit %d: want 1 to 1000", *limit)
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	page, err := c.Alerts(ctx, filter)
	if err != nil {
		return err
	}
	if filter.Newest {
		slices.Reverse(page.Alerts) // the newest next to the prompt
	}
	if err := printAll(f, page.Alerts, alertHeader, alertRow); err != nil {
		return err
	}
	if len(page.Alerts) == 0 && !*f.json {
		fmt.Fprintln(e.Stderr, "no alerts")
	}
	return nil
}

// parseTime reads a point in time: RFC 3339, or how long ago.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return time.Now().Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-03-12T08:00:00+08:00 nor an age such as 15m", s)
	}
	return t, nil
}

func alertTailCommand() command {
	return command{
		name: "alert tail", args: "[EXPR] [--origin SITE] [--from-start] [--json]", summary: "print alerts as they are committed, until Ctrl-C",
		help: `Each alert is printed once, when this site's ledger has it. --from-start prints what is already there first.

    fengsui alert tail 'severity<=2'` + nodeFlagsHelp,
		run: func(ctx context.Context, e Env, args []string) error {
			f := newFlags(e).forNode()
			origin := f.String("origin", "", "only alerts raised at this site")
			fromStart := f.Bool("from-start", false, "print what is already there first")
			if err := f.parse(args, 0, -1, ""); err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			request := api.TailRequest{Origin: *origin, Expr: strings.Join(f.args, " ")}
			if *fromStart {
				request.After = api.TailStart
			}
			return c.TailAlerts(ctx, request, nil, func(a api.Alert) error {
				if *f.json {
					return printJSON(e.Stdout, a)
				}
				row := alertRow(a)
				_, err := fmt.Fprintf(e.Stdout, "%s  %s  %d  %s → %s  %s\n", row[0], row[1], a.Severity, row[3], row[4], text.Clean(fmt.Sprint(row[6])))
				return err
			})
		},
	}
}

func queryCommand() command {
	return command{
		name: "query", args: "EXPR [--scope site|subtree|SITE] [--deadline 5s] [--limit N] [--json]", summary: "ask this site and sites below it, and see who answered",
		help: `The question goes down the tree and what has come back by the deadline is merged. Rows go to standard output; who answered, was
late or offline goes to standard error (with --json both are in the one object). EXPR is as for ` + "`alert list`" + `; '*' matches all.

    fengsui query 'sid=9000001' --scope subtree --deadline 2s` + nodeFlagsHelp,
		run: runQuery,
	}
}

func runQuery(ctx context.Context, e Env, args []string) error {
	f := newFlags(e).forNode()
	scope := f.String("scope", "site", "site, subtree, or the code of a site below")
	deadline := f.Duration("deadline", 5*time.Second, "when to answer with what there is")
	limit := f.Int("limit", 100, "rows at most")
	if err := f.parse(args, 1, -1, "an expression; '*' matches all"); err != nil {
		return err
	}
	if *deadline <= 0 || *deadline > time.Minute {
		return usagef("--deadline %s: want more than 0 and at most 1m", *deadline)
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	progress := text.NewProgress(e.Stderr)
	progress.Show("asking %s, answer by %s …", *scope, *deadline)
	r, err := c.Query(ctx, api.QueryRequest{Expr: strings.Join(f.args, " "), Scope: *scope, Deadline: *deadline, Limit: *limit})
	progress.Done()
	if err != nil {
		return err
	}
	if *f.json {
		return printJSON(e.Stdout, r)
	}
	if err := printAll(f, r.Rows, alertHeader, alertRow); err != nil {
		return err
	}
	fmt.Fprintf(e.Stderr, "%d matched in %s", r.Matched, r.Elapsed.Round(time.Millisecond))
	if r.Truncated {
		fmt.Fprintf(e.Stderr, ", the newest %d shown", len(r.Rows))
	}
	fmt.Fprintln(e.Stderr)
	t := text.NewTable("site", "answer", "rows>", "after", "reason…")
	for _, s := range r.Sites {
		t.Row(s.Site, s.Status, s.Rows, s.Elapsed.Round(time.Millisecond), s.Reason)
	}
	return t.Print(e.Stderr)
}
