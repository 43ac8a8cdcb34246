package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"fengsui/cascade/wire"
	"fengsui/federation/durable"
	"fengsui/federation/fsm"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/config"
	"fengsui/node/enrol"
	"fengsui/node/intake"
	"fengsui/node/monitor"
	"fengsui/node/records"
)

// open takes everything a node needs, in the order in which a mistake is cheapest to find: nothing is accepted, sent or changed before start. On
// an error the caller closes what the returned node holds.
func open(cfg *config.Config, opt Options) (*Node, error) {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Node{cfg: cfg, opt: opt, log: opt.Logger, site: identity.Site(cfg.Site), started: time.Now()}
	n.run = newRunner(n.log)
	steps := []struct {
		name string
		do   func() error
	}{
		{"check the cryptography", gmcrypto.SelfTest},      // a wrong processor or binary must not touch a key
		{"lock the data directory", n.takeDirectory},       // a second start must not touch a file
		{"open the node's credentials", n.takeCredentials}, // who are we
		{"watch the node", n.openMonitor},                  // from here on everything can be counted
		{"open the mesh", n.openMesh},                      // the port and the ledger
		{"open the ledger's readers", n.openReaders},       //
		{"open the way into the ledger", n.openIntake},     //
		{"open detection", n.openDetection},                //
		{"open the tree", n.openTree},                      // handlers for the parent and the children
		{"open the local API", n.openAPI},                  // last: it answers for all of the above
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return n, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return n, nil
}

// start runs the parts, each after those it needs. stop.go says why they stop in the opposite order.
func (n *Node) start() {
	for _, s := range n.stages() {
		n.run.start(s)
	}
}

func (n *Node) takeDirectory() (err error) {
	n.unlock, err = durable.LockDir(n.cfg.Data)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %s (run: fengsui node init)", enrol.ErrNotEnrolled, n.cfg.Data)
	}
	return err
}

func (n *Node) takeCredentials() error {
	pass, err := n.cfg.Passphrase()
	if err != nil {
		return err
	}
	if n.cred, err = enrol.Load(n.cfg.Data, pass); err != nil {
		return err
	}
	m := n.cred.Member
	if m.Site != n.site || m.Node != n.cfg.Node {
		return fmt.Errorf("the data directory %s belongs to %s/%s, the configuration says %s/%s", n.cfg.Data, m.Site, m.Node, n.site, n.cfg.Node)
	}
	if now := time.Now(); !now.Before(n.cred.RenewAt()) {
		if err := n.cred.Renew(now); err != nil {
			return fmt.Errorf("renew the node's certificate: %w", err)
		}
		n.log.Info("the node's certificate was renewed", "until", n.cred.Certificate().NotAfter())
	}
	return n.checkClock()
}

// checkClock finds a clock that stands before everything this node was ever given; handshakes would fail one by one without saying so.
func (n *Node) checkClock() error {
	now := time.Now()
	if _, err := n.cred.Trust.Verify(n.cred.Chain(), now); err != nil {
		if hint := enrol.ClockHint(err, now); hint != "" {
			return fmt.Errorf("the node's own certificate is not valid: %w: %s", err, hint)
		}
		return fmt.Errorf("the node's own certificate is not valid: %w", err)
	}
	return nil
}

func (n *Node) openMonitor() error {
	n.metrics, n.health = monitor.NewRegistry(), monitor.NewHealth()
	if n.cfg.Metrics.Listen == "" {
		return nil
	}
	var err error
	n.page, err = monitor.Listen(n.cfg.Metrics.Listen, n.metrics, n.health)
	return err
}

func (n *Node) openMesh() (err error) {
	n.mesh, err = openMesh(n)
	return err
}

func (n *Node) openReaders() (err error) {
	n.records, err = records.New(records.Config{Site: n.site, Ledger: n.table(tableUpload), Sealer: n.cred.Sealer, Logger: n.log})
	return err
}

// table is one table of the ledger.
func (n *Node) table(name string) table { return table{n.mesh.state, name} }

func (n *Node) openIntake() (err error) {
	log := n.log.With("part", "intake")
	if n.spool, err = intake.OpenSpool(filepath.Join(n.cfg.Data, spoolDir), n.cfg.Limits.SpoolBytes, n.cred.Sealer, log); err != nil {
		return err
	}
	n.intake, err = intake.New(intake.Config{Append: n.appendOwn, Permanent: permanent, Queue: n.cfg.Limits.AlertQueue, Spool: n.spool, Logger: log})
	return err
}

// permanent says whether the ledger will give the same answer for ever: a table's refusal, and any code but "cannot commit now".
func permanent(err error) bool {
	var refusal *fsm.Refusal
	var code *wire.Error
	return errors.As(err, &refusal) || errors.As(err, &code) && code.Code != wire.CodeUnavailable
}

func (n *Node) openDetection() (err error) {
	if n.detect, err = openDetection(n); err != nil {
		return err
	}
	n.sensor, err = openSensor(n)
	return err
}

func (n *Node) openTree() (err error) {
	n.tree, err = openTree(n)
	return err
}

func (n *Node) openAPI() (err error) {
	n.watchParts()
	n.api, err = api.Open(api.Config{Socket: n.cfg.Socket(), Ports: n.ports(), Logger: n.log.With("part", "api"), Owner: os.Geteuid()})
	return err
}

// explain turns errors whose cause an operator can see into one line that says what to do.
func explain(cfg *config.Config, err error) error {
	var addr *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the UDP port of %s is in use: another node or program holds it (%w)", cfg.Listen, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine (%w)", cfg.Listen, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("the disk of %s is full: make room and start again, nothing accepted is lost (%w)", cfg.Data, err)
	case errors.As(err, &addr) && errors.Is(err, syscall.EACCES):
		return fmt.Errorf("no right to listen on %s (%w)", cfg.Listen, err)
	}
	return err
}
