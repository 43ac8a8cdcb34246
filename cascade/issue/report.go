package issue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// ReporterConfig is what a Reporter needs; all of it is required.
type ReporterConfig struct {
	Site     identity.Site
	Node     string
	Proposer Proposer
	Sealer   Sealer
}

// Report is what this node did with a version of a document.
type Report struct {
	Key
	Version uint64
	State   wire.State
	Reason  string    // for refused and held: one line for the issuer's operator
	At      time.Time // when it happened
}

// Reporter puts this node's states into the ledger, from where they climb to the issuer.
type Reporter struct{ cfg ReporterConfig }

// NewReporter returns a Reporter.
func NewReporter(cfg ReporterConfig) (*Reporter, error) {
	if cfg.Site == "" || cfg.Node == "" || cfg.Proposer == nil || cfg.Sealer == nil {
		return nil, errors.New("issue reporter: site, node, proposer and sealer are required")
	}
	return &Reporter{cfg}, nil
}

// Report commits states of this node. Telling the same again is harmless.
func (r *Reporter) Report(ctx context.Context, reports ...Report) error {
	for len(reports) > 0 {
		part := reports[:min(len(reports), wire.ReportStatesMax)]
		reports = reports[len(part):]
		c := &wire.CommandStates{}
		for _, p := range part {
			s := &wire.DocumentState{
				Issuer: string(p.Issuer), Kind: p.Kind, Name: p.Name, Version: p.Version,
				Site: string(r.cfg.Site), Node: r.cfg.Node, State: p.State, Reason: wire.Clip(p.Reason), At: p.At.UnixNano(),
			}
			if err := s.Check(); err != nil {
				return fmt.Errorf("state of %s: %w", p.Key, err)
			}
			c.States = append(c.States, sealState(r.cfg.Sealer, s))
		}
		if err := proposeStates(ctx, r.cfg.Proposer, c); err != nil {
			return err
		}
	}
	return nil
}

func proposeStates(ctx context.Context, p Proposer, c *wire.CommandStates) error {
	b, err := proto.Marshal(c)
	if err != nil {
		return fmt.Errorf("encoding states: %w", err)
	}
	if _, err := p.Propose(ctx, KindStates, [16]byte{}, b); err != nil {
		return fmt.Errorf("committing %d states: %w", len(c.GetStates()), err)
	}
	return nil
}
