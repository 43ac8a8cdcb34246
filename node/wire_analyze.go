package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/analyze/alert"
	"fengsui/capture/pipeline"
	"fengsui/cascade/issue"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/enforce"
	"fengsui/node/policy"
)

// reportRetry is the pause before states that could not be committed are proposed again.
const reportRetry = 500 * time.Millisecond

// detection is what judges traffic on this node and what is enforced: the engine, and the documents of the site put into it.
type detection struct {
	n        *Node
	rules    *ruleBook // the engine and what it is made of: engine.go
	enforcer *enforce.Enforcer
	applier  *policy.Applier
	reporter *issue.Reporter
	told     map[policy.Key]policy.Verdict // what the ledger holds of this node; owned by run

	closeOnce sync.Once
}

// openDetection makes the engine and puts into force what the ledger holds, before the first packet is read.
func openDetection(n *Node) (*detection, error) {
	d := &detection{n: n, rules: newRuleBook(n.cfg), told: map[policy.Key]policy.Verdict{}}
	port := uint16(0)
	if ap, err := netip.ParseAddrPort(n.mesh.link.Addr().String()); err == nil {
		port = ap.Port()
	}
	var err error
	if d.enforcer, err = enforce.New(enforce.Config{
		Mode: n.cfg.Enforce.Mode, Namespace: n.cfg.Enforce.Namespace, Site: n.cfg.Site, Node: n.cfg.Node, MeshPort: port, Logger: n.log.With("part", "enforce"),
	}); err != nil {
		return nil, err
	}
	d.applier = policy.New(map[string]policy.Builder{
		policy.KindRuleset:    d.rules.signatures(),
		policy.KindIndicators: d.rules.indicators(),
		policy.KindBlocklist:  &policy.Blocklists{Enforcer: d.enforcer, Protected: d.protected},
	}, n.log.With("part", "documents"))
	if d.reporter, err = issue.NewReporter(issue.ReporterConfig{
		Site: n.site, Node: n.cfg.Node, Proposer: proposer{n.mesh.cluster}, Sealer: n.cred.Sealer,
	}); err != nil {
		return nil, errors.Join(err, d.close())
	}
	if _, err := d.apply(context.Background()); err != nil {
		n.log.Error("a document in the ledger cannot be read", "error", err)
	}
	return d, nil
}

// worker makes the judge of one pipeline.
func (d *detection) worker(emit func(*alert.Alert)) pipeline.Inspector { return d.rules.worker(emit) }

// protected lists the addresses no block list may name.
func (d *detection) protected() []netip.Addr {
	more := slices.Clone(d.n.cfg.Parent.Via)
	if p := d.n.parent(); p != nil {
		more = append(more, addresses(p)...)
	}
	return d.n.mesh.protected(more)
}

// run applies documents as they are committed and tells what became of them, until ctx ends.
func (d *detection) run(ctx context.Context) error {
	log := d.n.log.With("part", "documents")
	for {
		changed := d.n.table(tableIssue).Watch()
		verdicts, err := d.apply(ctx)
		if err != nil && ctx.Err() == nil {
			log.Error("a document in the ledger cannot be read", "error", err)
		}
		if err := d.report(ctx, verdicts); err != nil && ctx.Err() == nil {
			log.Info("states of documents wait for the ledger", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(reportRetry):
			}
			if ctx.Err() == nil {
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// apply puts what the ledger holds for this site into force.
func (d *detection) apply(ctx context.Context) ([]policy.Verdict, error) {
	heads, err := d.heads()
	if err != nil {
		return nil, err
	}
	return d.applier.Apply(ctx, heads)
}

// heads lists the documents that concern this site.
func (d *detection) heads() (heads []policy.Head, err error) {
	ledger := d.n.table(tableIssue)
	err = ledger.View(func(b *bbolt.Bucket) error {
		docs, err := issue.Documents(b)
		if err != nil {
			return err
		}
		for _, doc := range docs {
			key := issue.KeyOf(doc.GetHeader())
			if !policy.Known(key.Kind) || !issue.Concerns(doc.GetHeader(), d.n.site) {
				continue
			}
			h := policy.Head{Key: policy.Key{Issuer: key.Issuer.String(), Kind: key.Kind, Name: key.Name}, Load: d.load(key)}
			history, err := issue.History(b, key)
			if err != nil {
				return err
			}
			for _, v := range history {
				h.Versions = append(h.Versions, v.GetHeader().GetVersion())
			}
			heads = append(heads, h)
		}
		return nil
	})
	return heads, err
}

// load opens bodies of one document.
func (d *detection) load(key issue.Key) func(context.Context, uint64) ([]byte, error) {
	return func(_ context.Context, version uint64) (body []byte, err error) {
		err = d.n.table(tableIssue).View(func(b *bbolt.Bucket) error {
			history, err := issue.History(b, key)
			if err != nil {
				return err
			}
			for _, v := range history {
				if v.GetHeader().GetVersion() == version {
					body, err = issue.Body(b, d.n.cred.Sealer, v)
					return err
				}
			}
			return errors.New("the version is gone") // pruned since: the next round sees it
		})
		return body, err
	}
}

// report commits verdicts that differ from what the ledger holds of this node.
func (d *detection) report(ctx context.Context, verdicts []policy.Verdict) error {
	var news []issue.Report
	for _, v := range verdicts {
		key := issue.Key{Issuer: identity.Site(v.Issuer), Kind: v.Kind, Name: v.Name}
		v.Reason = wire.Clip(v.Reason)
		if d.told[v.Key] == v {
			continue
		}
		if _, asked := d.told[v.Key]; !asked {
			held, err := d.heldState(key)
			if err != nil {
				return err
			}
			if d.told[v.Key] = held; held == v {
				continue
			}
		}
		state := wire.StateRefused
		if v.Applied {
			state = wire.StateApplied
		}
		news = append(news, issue.Report{Key: key, Version: v.Version, State: state, Reason: v.Reason, At: time.Now()})
	}
	if len(news) == 0 {
		return nil
	}
	if err := d.reporter.Report(ctx, news...); err != nil {
		return err
	}
	for _, v := range verdicts {
		v.Reason = wire.Clip(v.Reason)
		d.told[v.Key] = v
	}
	for _, r := range news {
		d.n.log.Info("a document has been dealt with", "document", r.Key.String(), "version", r.Version, "applied", r.State == wire.StateApplied)
	}
	return nil
}

// heldState is what the ledger holds of this node about a document; zero when it holds nothing.
func (d *detection) heldState(key issue.Key) (held policy.Verdict, err error) {
	err = d.n.table(tableIssue).View(func(b *bbolt.Bucket) error {
		states, err := issue.States(b, d.n.cred.Sealer, key)
		for _, s := range states {
			if s.GetSite() == d.n.site.String() && s.GetNode() == d.n.cfg.Node {
				held = policy.Verdict{
					Key: policy.Key{Issuer: key.Issuer.String(), Kind: key.Kind, Name: key.Name}, Version: s.GetVersion(),
					Applied: s.GetState() == wire.StateApplied, Reason: s.GetReason(),
				}
			}
		}
		return err
	})
	return held, err
}

// close releases what talks to the kernel. A second call does nothing.
func (d *detection) close() error {
	var err error
	d.closeOnce.Do(func() {
		if d.enforcer != nil {
			err = d.enforcer.Close()
		}
	})
	return err
}

// status tells what judges traffic now.
func (d *detection) status() api.Detection {
	sum := d.applier.Summary()
	out := api.Detection{
		Generation: d.rules.generation(), Signatures: sum.Sizes[policy.KindRuleset], Indicators: sum.Sizes[policy.KindIndicators],
		Blocked: sum.Sizes[policy.KindBlocklist], Documents: []api.AppliedDocument{},
	}
	for _, v := range sum.Verdicts {
		state := "refused"
		if v.Applied {
			state = "applied"
		}
		out.Documents = append(out.Documents, api.AppliedDocument{Issuer: v.Issuer, Kind: v.Kind, Name: v.Name, Version: v.Version, State: state, Reason: v.Reason})
	}
	return out
}

// enforcement tells what the block lists do.
func (d *detection) enforcement() api.Enforcement {
	st := d.enforcer.Status()
	out := api.Enforcement{Mode: st.Mode, State: st.State, Reason: st.Reason, Entries: []string{}, Packets: st.Packets, Bytes: st.Bytes, Since: st.Since}
	for _, p := range st.Entries {
		out.Entries = append(out.Entries, p.String())
	}
	return out
}
