package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/issue"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/policy"
)

type policiesPort struct{ n *Node }

// Issue signs and commits a document.
func (p policiesPort) Issue(ctx context.Context, r api.PolicyRequest) (api.Policy, error) {
	if !policy.Known(r.Kind) {
		return api.Policy{}, api.Problemf(api.CodeBadRequest, "", "kind is %q, want one of %v", r.Kind, policy.Kinds())
	}
	d := issue.Draft{Kind: r.Kind, Name: r.Name, Body: r.Body}
	for _, t := range r.Targets {
		site, err := identity.ParseSite(strings.TrimSuffix(t, "/*")) // a target means its subtree, however it is written
		if err != nil {
			return api.Policy{}, api.Problemf(api.CodeBadRequest, "", "target: %v", err)
		}
		d.Targets = append(d.Targets, site)
	}
	doc, err := p.n.tree.publisher.Issue(ctx, d)
	if err != nil {
		return api.Policy{}, problem(err)
	}
	p.n.settle(ctx)
	return policyOf(doc), nil
}

func policyOf(d *wire.Document) api.Policy {
	out := api.Policy{
		Issuer: d.GetIssuer(), Kind: d.GetKind(), Name: d.GetName(), Version: d.GetVersion(), Targets: d.GetTargets(),
		Created: time.Unix(0, d.GetCreated()), Bytes: int(d.GetBodySize()), Digest: hexOf(d.GetBodyDigest()),
	}
	if out.Targets == nil {
		out.Targets = []string{}
	}
	return out
}

// Policies lists the newest version of every document.
func (p policiesPort) Policies(context.Context) ([]api.Policy, error) {
	list := []api.Policy{}
	err := p.n.table(tableIssue).View(func(b *bbolt.Bucket) error {
		docs, err := issue.Documents(b)
		if err != nil {
			return err
		}
		for _, d := range docs {
			out := policyOf(d.GetHeader())
			states, err := p.states(b, issue.KeyOf(d.GetHeader()))
			if err != nil {
				return err
			}
			out.States = countStates(states, out.Version)
			list = append(list, out)
		}
		return nil
	})
	return list, err
}

// countStates counts nodes by what they did with the newest version; one that has not got to it yet counts as pending.
func countStates(states []api.PolicyState, version uint64) map[string]int {
	m := map[string]int{}
	for _, s := range states {
		if s.Version == version {
			m[s.State]++
		} else {
			m["pending"]++
		}
	}
	return m
}

// states lists what nodes did; the site's own line (without a node) only says that a site has the document.
func (p policiesPort) states(b *bbolt.Bucket, key issue.Key) ([]api.PolicyState, error) {
	words := map[wire.State]string{wire.StateReceived: "received", wire.StateApplied: "applied", wire.StateRefused: "refused", wire.StateHeld: "held"}
	all, err := issue.States(b, p.n.cred.Sealer, key)
	list := []api.PolicyState{}
	heard := map[string]bool{}
	for _, s := range all {
		heard[s.GetSite()] = heard[s.GetSite()] || s.GetNode() != ""
	}
	for _, s := range all {
		if s.GetNode() == "" && heard[s.GetSite()] {
			continue
		}
		list = append(list, api.PolicyState{
			Site: s.GetSite(), Node: s.GetNode(), Version: s.GetVersion(), State: words[s.GetState()], Reason: s.GetReason(), At: time.Unix(0, s.GetAt()),
		})
	}
	return list, err
}

// find returns the newest version of the one document meant.
func (p policiesPort) find(b *bbolt.Bucket, issuer, kind, name string) (*wire.StoredDocument, error) {
	docs, err := issue.Documents(b)
	if err != nil {
		return nil, err
	}
	var found *wire.StoredDocument
	for _, d := range docs {
		h := d.GetHeader()
		if h.GetKind() != kind || h.GetName() != name || issuer != "" && h.GetIssuer() != issuer {
			continue
		}
		if found != nil {
			return nil, api.Problemf(api.CodeConflict, "say which issuer", "%s and %s have both issued %s/%s", found.GetHeader().GetIssuer(), h.GetIssuer(), kind, name)
		}
		found = d
	}
	if found == nil {
		return nil, api.Problemf(api.CodeNotFound, "see: fengsui policy list", "no policy %s/%s at this site", kind, name)
	}
	return found, nil
}

// Policy returns one document with its body.
func (p policiesPort) Policy(_ context.Context, issuer, kind, name string) (out api.Policy, err error) {
	err = p.n.table(tableIssue).View(func(b *bbolt.Bucket) error {
		d, err := p.find(b, issuer, kind, name)
		if err != nil {
			return err
		}
		out = policyOf(d.GetHeader())
		out.Body, err = issue.Body(b, p.n.cred.Sealer, d)
		return err
	})
	return out, err
}

// PolicyStatus returns what every node did with a document.
func (p policiesPort) PolicyStatus(_ context.Context, issuer, kind, name string) (out api.PolicyStatus, err error) {
	err = p.n.table(tableIssue).View(func(b *bbolt.Bucket) error {
		d, err := p.find(b, issuer, kind, name)
		if err != nil {
			return err
		}
		out.Policy = policyOf(d.GetHeader())
		out.Nodes, err = p.states(b, issue.KeyOf(d.GetHeader()))
		out.Policy.States = countStates(out.Nodes, out.Policy.Version)
		return err
	})
	return out, err
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// newID makes an identifier.
func newID() (id [wire.IDBytes]byte, err error) {
	if _, err = rand.Read(id[:]); err != nil {
		err = fmt.Errorf("read random bytes: %w", err)
	}
	return id, err
}
