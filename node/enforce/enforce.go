package enforce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"fengsui/node/config"
)

// TableName is the nftables table (family inet) that belongs to Fengsui.
const TableName = "fengsui"

// States of an Enforcer.
const (
	StateOff     = "off"      // mode off
	StateIdle    = "idle"     // ready, nothing applied yet
	StateInForce = "in force" // the kernel holds exactly the list applied last
	StateRefused = "refused"  // the last list was refused, or any would be; what was in force before still is
	StateFailed  = "failed"   // the kernel does not hold what it should
)

// Reasons a list is refused for, for errors.Is on a Refusal.
var (
	ErrOff         = errors.New("enforcement is off")
	ErrCapability  = errors.New("the process lacks a capability")
	ErrUnsupported = errors.New("the kernel does not support nftables")
	ErrGuard       = errors.New("the list would hurt the node itself")
)

// Refusal says why a list was not put into force. The list in force before, if any, still is.
type Refusal struct {
	Kind   error  // ErrOff, ErrCapability, ErrUnsupported or ErrGuard
	Reason string // for people: what is missing and what would help
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// Unwrap returns the kind.
func (r *Refusal) Unwrap() error { return r.Kind }

// Config of an Enforcer.
type Config struct {
	Mode       string // config.EnforceOff or config.EnforceNftables
	Namespace  string // config.NamespaceHost or config.NamespacePrivate
	Site, Node string // who enforces, for the reasons
	MeshPort   uint16 // UDP port of the node, let through whatever the list says; 0 = none
	Logger     *slog.Logger
}

// Status is what is in force now, as the kernel tells it.
type Status struct {
	Mode    string
	State   string
	Reason  string         // why not in force; "" otherwise
	Entries []netip.Prefix // in force, sorted, overlapping and adjoining ones merged
	Packets uint64         // dropped since the Enforcer was made
	Bytes   uint64
	Since   time.Time // of the state
}

// kernel is the part that differs between systems: one table in one namespace.
type kernel interface {
	// replace puts exactly these ranges into force in one transaction; build says that the table is not there or not as it
	// should be and must be made anew, which sets its counters to 0.
	replace(ranges []addrRange, meshPort uint16, build bool) error
	read() (tableState, error) // errNoTable when it is not there
	remove() error             // nil when it is not there
	close() error
}

// tableState is the table as read back.
type tableState struct {
	ranges         []addrRange
	rules          int
	mark           string // which rules it was built with, see ruleMark
	packets, bytes uint64 // of the drop rules since the table was built
}

// errNoTable says that the kernel has no table of ours.
var errNoTable = errors.New("table inet " + TableName + " is not there")

// Enforcer puts lists into force, one at a time.
type Enforcer struct {
	cfg  Config
	open func(namespace string) (kernel, error)

	mu             sync.Mutex
	kernel         kernel // nil until it could be opened
	want           []addrRange
	applied        bool
	refusal        error
	since          time.Time
	packets, bytes uint64 // of tables replaced since
	closed         bool
}

// New returns an Enforcer. Missing rights are no error here: they are told by Status and by every Apply.
func New(cfg Config) (*Enforcer, error) { return newEnforcer(cfg, openKernel) }

func newEnforcer(cfg Config, open func(string) (kernel, error)) (*Enforcer, error) {
	if cfg.Mode != config.EnforceOff && cfg.Mode != config.EnforceNftables {
		return nil, fmt.Errorf("enforce mode %q: want %s or %s", cfg.Mode, config.EnforceOff, config.EnforceNftables)
	}
	if cfg.Namespace == "" {
		cfg.Namespace = config.NamespaceHost
	}
	if cfg.Namespace != config.NamespaceHost && cfg.Namespace != config.NamespacePrivate {
		return nil, fmt.Errorf("enforce namespace %q: want %s or %s", cfg.Namespace, config.NamespaceHost, config.NamespacePrivate)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	e := &Enforcer{cfg: cfg, open: open, since: time.Now()}
	if err := e.readyLocked(); err != nil {
		e.refusal = err
		if cfg.Mode != config.EnforceOff {
			cfg.Logger.Warn("block lists cannot be enforced here", "err", err)
		}
	}
	return e, nil
}

// readyLocked opens the kernel where that has not succeeded yet.
func (e *Enforcer) readyLocked() error {
	if e.closed {
		return errors.New("enforcement has been closed")
	}
	if e.cfg.Mode == config.EnforceOff {
		return &Refusal{ErrOff, "enforcement is off at " + e.name() + "; set enforce.mode to nftables"}
	}
	if e.kernel != nil {
		return nil
	}
	k, err := e.open(e.cfg.Namespace)
	if err != nil {
		return e.explain(err)
	}
	e.kernel = k
	return nil
}

func (e *Enforcer) name() string {
	if e.cfg.Site == "" {
		return "this node"
	}
	return e.cfg.Site + "/" + e.cfg.Node
}

// explain names the place in a refusal that came from below; other errors pass.
func (e *Enforcer) explain(err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		return &Refusal{r.Kind, r.Reason + " at " + e.name()}
	}
	return fmt.Errorf("nftables at %s: %w", e.name(), err)
}

// Apply replaces the list in force by prefixes; an empty list blocks nothing. It returns nil only when the kernel, asked
// afterwards, holds exactly this list. Otherwise the error's text says why not, and what was in force before still is, unless
// the error says that reading back failed.
func (e *Enforcer) Apply(ctx context.Context, prefixes []netip.Prefix) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.applyLocked(prefixes)
	if (err == nil) != (e.refusal == nil) || err == nil {
		e.since = time.Now()
	}
	e.refusal = err
	return err
}

func (e *Enforcer) applyLocked(prefixes []netip.Prefix) error {
	if err := e.readyLocked(); err != nil {
		return err
	}
	if err := guard(prefixes, e.cfg.Namespace == config.NamespaceHost); err != nil {
		return err
	}
	want := merge(prefixes)
	before, err := e.kernel.read()
	build := err != nil || !e.intact(before)
	if err := e.kernel.replace(want, e.cfg.MeshPort, build); err != nil {
		return e.explain(err)
	}
	if build {
		e.packets, e.bytes = e.packets+before.packets, e.bytes+before.bytes
	}
	e.want, e.applied = want, true
	if _, err := e.verifyLocked(); err != nil {
		return e.explain(err)
	}
	return nil
}

// ruleMark is written into the table, so that one built by another version or for another port is recognized.
func ruleMark(meshPort uint16) string { return fmt.Sprintf("fengsui 1, mesh port %d", meshPort) }

// intact tells whether the table has the rules this Enforcer would build.
func (e *Enforcer) intact(s tableState) bool {
	return s.rules == rulesWanted(e.cfg.MeshPort) && s.mark == ruleMark(e.cfg.MeshPort)
}

// verifyLocked reads the table back and compares it with what it should be.
func (e *Enforcer) verifyLocked() (tableState, error) {
	got, err := e.kernel.read()
	if err != nil {
		return got, err
	}
	if !e.intact(got) {
		return got, fmt.Errorf("table inet %s holds other rules (%d instead of %d): something else changed it", TableName, got.rules, rulesWanted(e.cfg.MeshPort))
	}
	if !slices.Equal(got.ranges, e.want) {
		return got, fmt.Errorf("table inet %s holds other addresses than the list (%d ranges instead of %d): something else changed it", TableName, len(got.ranges), len(e.want))
	}
	return got, nil
}

// Status asks the kernel what is in force.
func (e *Enforcer) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := Status{Mode: e.cfg.Mode, State: StateIdle, Since: e.since, Packets: e.packets, Bytes: e.bytes}
	if e.cfg.Mode == config.EnforceOff {
		s.State, s.Reason = StateOff, e.refusal.Error()
		return s
	}
	if e.kernel != nil && e.applied {
		got, err := e.verifyLocked()
		s.State = StateInForce
		s.Packets, s.Bytes = s.Packets+got.packets, s.Bytes+got.bytes
		for _, r := range got.ranges {
			s.Entries = append(s.Entries, r.prefixes()...)
		}
		if err != nil {
			s.State, s.Reason = StateFailed, e.explain(err).Error()
			return s
		}
	}
	if e.refusal != nil {
		s.State, s.Reason = StateRefused, e.refusal.Error()
	}
	return s
}

// Remove takes the table out of the kernel.
func (e *Enforcer) Remove(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.readyLocked(); err != nil {
		return err
	}
	if before, err := e.kernel.read(); err == nil {
		e.packets, e.bytes = e.packets+before.packets, e.bytes+before.bytes
	}
	if err := e.kernel.remove(); err != nil {
		return e.explain(err)
	}
	e.want, e.applied, e.refusal, e.since = nil, false, nil, time.Now()
	return nil
}

// Close releases what talks to the kernel. In namespace host the table stays; a private namespace ends. Closing twice is fine.
func (e *Enforcer) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed, e.applied = true, false
	if e.kernel == nil {
		return nil
	}
	err := e.kernel.close()
	e.kernel = nil
	if err != nil {
		return fmt.Errorf("close nftables: %w", err)
	}
	return nil
}
