package node

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"fengsui/analyze/alert"
	"fengsui/analyze/engine"
	"fengsui/analyze/intel"
	"fengsui/analyze/signature"
	"fengsui/capture/pipeline"
	"fengsui/node/config"
	"fengsui/node/policy"
)

// ruleBook is the engine, and the detectors it is made of: rules and indicators are compiled apart and swapped in together.
type ruleBook struct {
	engine *engine.Engine
	opt    signature.Options
	shared *signature.Shared // what rules remember of hosts; outlives swaps

	mu    sync.Mutex
	rules *signature.Set
	intel *intel.Set
}

func newRuleBook(cfg *config.Config) *ruleBook {
	return &ruleBook{
		engine: engine.New(nil), shared: &signature.Shared{},
		opt: signature.Options{HomeNet: cfg.HomeNet, ExternalNet: cfg.ExternalNet, Vars: cfg.Vars, Names: &signature.Names{}},
	}
}

func (r *ruleBook) worker(emit func(*alert.Alert)) pipeline.Inspector {
	return r.engine.NewWorker(emit)
}

func (r *ruleBook) generation() uint64 { return r.engine.Swaps() }

// swap puts the present sets into force; called with mu held.
func (r *ruleBook) swapLocked() {
	rs := &engine.Ruleset{}
	if r.rules != nil && r.rules.Len() > 0 {
		rs.Detectors = append(rs.Detectors, signature.NewDetector(r.rules, r.shared))
	}
	if r.intel != nil && r.intel.Len() > 0 {
		rs.Detectors = append(rs.Detectors, intel.NewDetector(r.intel))
	}
	r.engine.Swap(rs)
}

// signatures builds rule sets.
func (r *ruleBook) signatures() policy.Builder { return signatureBuilder{r} }

type signatureBuilder struct{ *ruleBook }

// Build compiles all rule sets together: a rule that stands in two of them counts once. Any refused rule refuses its document.
func (b signatureBuilder) Build(docs []policy.Document) (func(context.Context) (int, error), map[policy.Key]string) {
	byName := map[string]policy.Key{}
	var sources []signature.Source
	for _, d := range docs {
		name := d.Key.String()
		byName[name] = d.Key
		sources = append(sources, signature.Source{Name: name, Text: string(d.Body)})
	}
	set, refusals := signature.Compile(sources, b.opt)
	reasons := map[policy.Key][]string{}
	for _, f := range refusals {
		key := byName[f.File]
		text := fmt.Sprintf("line %d", f.Line)
		if f.SID != 0 {
			text += fmt.Sprintf(", sid %d", f.SID)
		}
		if f.Keyword != "" {
			text += ", " + f.Keyword
		}
		reasons[key] = append(reasons[key], text+": "+f.Reason)
	}
	return func(context.Context) (int, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.rules = set
		b.swapLocked()
		return set.Len(), nil
	}, joinReasons(reasons)
}

// indicators builds indicator lists.
func (r *ruleBook) indicators() policy.Builder { return intelBuilder{r} }

type intelBuilder struct{ *ruleBook }

// Build parses all lists and joins them.
func (b intelBuilder) Build(docs []policy.Document) (func(context.Context) (int, error), map[policy.Key]string) {
	reasons := map[policy.Key][]string{}
	var sets []*intel.Set
	for _, d := range docs {
		set, problems := intel.Parse(d.Key.String(), string(d.Body))
		for _, p := range problems {
			reasons[d.Key] = append(reasons[d.Key], fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Reason))
		}
		sets = append(sets, set)
	}
	joined := intel.Merge(sets...)
	return func(context.Context) (int, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.intel = joined
		b.swapLocked()
		return joined.Len(), nil
	}, joinReasons(reasons)
}

func joinReasons(reasons map[policy.Key][]string) map[policy.Key]string {
	out := make(map[policy.Key]string, len(reasons))
	for k, list := range reasons {
		out[k] = policy.Reasons(list)
		if strings.TrimSpace(out[k]) == "" {
			out[k] = "refused without a reason"
		}
	}
	return out
}
