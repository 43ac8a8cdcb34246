package node

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"fengsui/federation/cluster"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/config"
	"fengsui/node/enrol"
	"fengsui/node/intake"
	"fengsui/node/monitor"
	"fengsui/node/records"
	"fengsui/node/sensor"
	"fengsui/node/sensor/governor"
)

// Options are what the program gives a node besides its configuration.
type Options struct {
	Logger  *slog.Logger // nil = discard
	Version string       // of the program
	Ready   func()       // called once everything has started; nil = nobody waits

	timing cluster.Timing // of Raft; zero = its defaults. Tests make elections shorter
}

// Node is one process of one site. Every node of a site is made of the same parts and runs all of them; only the uplink to the parent runs on the
// one that leads.
type Node struct {
	cfg     *config.Config
	opt     Options
	log     *slog.Logger
	site    identity.Site
	started time.Time

	cred     *enrol.Credentials // who this node is
	mesh     *mesh              // link, Raft, gossip, state: wire_federation.go
	tree     *tree              // parent and children: wire_cascade.go
	detect   *detection         // engine, documents, enforcement: wire_analyze.go
	sensor   *sensor.Sensor     // sources and replays: wire_capture.go
	governor *governor.Governor // what packets and uploads may use of the machine: wire_capture.go
	intake   *intake.Intake     // detectors → ledger
	spool    *intake.Spool      // … while there is no quorum
	records  *records.Reader    // ledger → people
	metrics  *monitor.Registry
	health   *monitor.Health
	api      *api.Server
	page     *monitor.Server // metrics and health over HTTP; nil when not configured

	unlock func() error
	run    *runner
}

// Run runs the node that cfg.Data holds until ctx ends, then stops it in order and returns nil, or what went wrong while stopping. An error before
// that is why the node could not start, or could not go on; nothing accepted is lost by it.
func Run(ctx context.Context, cfg config.Config, opt Options) error {
	n, err := open(&cfg, opt)
	if err != nil {
		return explain(&cfg, errors.Join(err, n.close()))
	}
	n.start()
	if opt.Ready != nil {
		opt.Ready()
	}
	select {
	case <-ctx.Done():
		err = nil
	case err = <-n.run.broken:
		n.log.Error("a part of the node cannot go on: stopping", "error", err)
	}
	return explain(&cfg, errors.Join(err, n.stop()))
}
