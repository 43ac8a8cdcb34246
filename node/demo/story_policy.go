package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fengsui/node/api"
	"fengsui/node/demo/sample"
)

// documents issued by the demo.
const (
	kindRules      = "ruleset"
	kindIndicators = "indicators"
	kindBlock      = "blocklist"
	documentName   = "demo"
)

// policy lets the province issue rules and indicators, and every node of the tree apply them.
func (s *story) policy(ctx context.Context) error {
	s.out.begin("policy", "令", "The province issues rules; every node of the tree applies them", "政令下达：签发、中继、生效")
	rules, err := s.issue(ctx, kindRules, s.rules, nil, "applied")
	if err != nil {
		return err
	}
	indicators, err := s.issue(ctx, kindIndicators, sample.Indicators(), nil, "applied")
	if err != nil {
		return err
	}
	status, err := s.lab.Node(county + "/n1").Client().Status(ctx)
	if err != nil {
		return fmt.Errorf("ask %s for its detection: %w", county, err)
	}
	if status.Detection.Signatures == 0 {
		return fmt.Errorf("%s says the rules are applied and has none", county)
	}
	fields := map[string]any{"signatures": status.Detection.Signatures, "indicators": status.Detection.Indicators}
	for _, d := range []*issued{rules, indicators} {
		s.out.fact(d.label(), d.perSite(), took(d.last))
		fields[d.kind+"_ms"] = d.sites()
	}
	s.summary.PolicyMS = ms(rules.last)
	s.out.note("%d signatures and %d indicators judge the traffic now. A rule set that could not be honoured whole would be refused by name and reason.", status.Detection.Signatures, status.Detection.Indicators)
	s.out.end(fields)
	return nil
}

// issued is one document on its way: what each node did with it, and when.
type issued struct {
	kind   string
	states []api.PolicyState
	began  time.Time
	last   time.Duration // until the last node had dealt with it
}

func (d *issued) label() string {
	switch d.kind {
	case kindRules:
		return "rule set"
	case kindIndicators:
		return "indicators"
	}
	return "block list"
}

// bySite is how long after issuing the last node of each site had dealt with the document.
func (d *issued) bySite() (codes []string, after map[string]time.Duration) {
	after = map[string]time.Duration{}
	for _, n := range d.states {
		if !slices.Contains(codes, n.Site) {
			codes = append(codes, n.Site)
		}
		after[n.Site] = max(after[n.Site], n.At.Sub(d.began))
	}
	slices.Sort(codes)
	return codes, after
}

func (d *issued) perSite() string {
	codes, after := d.bySite()
	parts := make([]string, len(codes))
	for i, c := range codes {
		parts[i] = siteName(c) + " " + took(after[c])
	}
	return strings.Join(parts, " · ")
}

func (d *issued) sites() map[string]float64 {
	codes, after := d.bySite()
	out := map[string]float64{}
	for _, c := range codes {
		out[c] = ms(after[c])
	}
	return out
}

// issue issues a document at the province and waits until every node it is for has answered. want is the state all must be in; "" = any final one.
func (s *story) issue(ctx context.Context, kind string, body []byte, targets []string, want string) (*issued, error) {
	client := s.lab.Node(province + "/n1").Client()
	d := &issued{kind: kind, began: time.Now()}
	p, err := client.IssuePolicy(ctx, api.PolicyRequest{Kind: kind, Name: documentName, Targets: targets, Body: body})
	if err != nil {
		return nil, fmt.Errorf("issue the %s: %w", d.label(), err)
	}
	expected := 0
	for _, n := range s.lab.Nodes {
		if len(targets) == 0 || slices.Contains(targets, n.Site) {
			expected++
		}
	}
	err = poll(ctx, func() (bool, error) {
		st, err := client.PolicyStatus(ctx, p.Issuer, kind, documentName)
		if err != nil {
			return false, err
		}
		d.states = d.states[:0]
		for _, n := range st.Nodes {
			if n.Version == p.Version && (n.State == "applied" || n.State == "refused") {
				d.states = append(d.states, n)
			}
			if n.Version == p.Version && n.State == "refused" && want == "applied" {
				return false, fmt.Errorf("%s/%s refused it: %s", n.Site, n.Node, n.Reason)
			}
		}
		return len(d.states) >= expected, nil
	})
	if err != nil {
		return nil, fmt.Errorf("the %s reached %d of %d nodes: %w", d.label(), len(d.states), expected, err)
	}
	for _, n := range d.states {
		d.last = max(d.last, n.At.Sub(d.began))
	}
	return d, nil
}

// block lets the province block the attackers: enforced where the node has the right to, refused with the reason where not.
func (s *story) block(ctx context.Context) error {
	s.out.begin("block", "禁", "The province blocks the attackers; who may, enforces", "封禁：有权者执行，无权者说明理由")
	d, err := s.issue(ctx, kindBlock, sample.BlockList(), []string{county, sibling}, "")
	if err != nil {
		return err
	}
	type line struct {
		Site   string   `json:"site"`
		Node   string   `json:"node"`
		State  string   `json:"state"`
		Reason string   `json:"reason,omitempty"`
		MS     float64  `json:"ms"`
		Kernel []string `json:"kernel,omitempty"` // as read back
	}
	var lines []line
	for _, n := range d.states {
		l := line{n.Site, n.Node, n.State, n.Reason, ms(n.At.Sub(d.began)), nil}
		if n.State == "applied" {
			if l.Kernel, err = s.enforced(ctx, n.Site+"/"+n.Node); err != nil {
				return err
			}
			s.out.fact(named(n.Site), fmt.Sprintf("enforced; the kernel holds %d entries", len(l.Kernel)), took(n.At.Sub(d.began)))
			s.out.note("%s", strings.Join(l.Kernel, "  "))
			s.blocked = l.Kernel
		} else {
			s.out.fact(named(n.Site), "refused, and the province knows why:", took(n.At.Sub(d.began)))
			s.out.note("%s", n.Reason)
		}
		lines = append(lines, l)
	}
	s.out.end(map[string]any{"nodes": lines})
	return nil
}

// enforced reads back what a node blocks, from its kernel.
func (s *story) enforced(ctx context.Context, id string) ([]string, error) {
	e, err := s.lab.Node(id).Client().Enforcement(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s what it blocks: %w", id, err)
	}
	if e.State != "in force" || len(e.Entries) == 0 {
		return nil, fmt.Errorf("%s says it enforces, its kernel does not: %s, %s", id, e.State, e.Reason)
	}
	return e.Entries, nil
}
