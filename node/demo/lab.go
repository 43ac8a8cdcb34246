package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"fengsui/deploy/lab"
	"fengsui/node/api"
)

// socketPathMax is the longest name of a unix socket, less the end mark.
const socketPathMax = 107

// LabConfig of a Lab.
type LabConfig struct {
	Binary  string   // the fengsui binary; "" = this program
	Environ []string // added to every child's environment
	Root    string   // directory to make the lab's directory in; "" = the system's
	Seed    uint64   // of the relay
}

// Lab is a set of nodes as processes on this machine, and a relay. Failed tells when one of them ended without being told to.
type Lab struct {
	Dir   string // temporary directory, removed by Close
	Nodes []*Node
	Relay *lab.Relay // the line to the parent of whichever node was given its fronts; nil until OpenRelay

	binary  string
	environ []string
	seed    uint64
	spawner *spawner
	wg      sync.WaitGroup
	stop    context.CancelFunc // of the relay

	failed  chan struct{}
	once    sync.Once
	failure error

	keep    bool // Close leaves the directory
	closing sync.Once
	closed  error
}

// NewLab makes the directory; nodes are added to it.
func NewLab(c LabConfig) (*Lab, error) {
	if c.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		c.Binary = self
	}
	dir, err := os.MkdirTemp(c.Root, "fengsui-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the demo: %w", err)
	}
	if longest := filepath.Join(dir, "440106-n1", api.SocketName); len(longest) > socketPathMax {
		return nil, errors.Join(fmt.Errorf("make a directory for the demo: %s is too long for a socket; set TMPDIR to a shorter one", dir), os.Remove(dir))
	}
	return &Lab{Dir: dir, binary: c.Binary, environ: c.Environ, seed: c.Seed, spawner: newSpawner(), failed: make(chan struct{})}, nil
}

// Failed is closed when a process ended without being told to; Failure says which.
func (l *Lab) Failed() <-chan struct{} { return l.failed }

// Failure is why Failed was closed. Only valid after that.
func (l *Lab) Failure() error { return l.failure }

func (l *Lab) fail(err error) { l.once.Do(func() { l.failure = err; close(l.failed) }) }

// Reserve adds nodes with free ports. All ports are taken at once, so that none is given twice, and freed for the processes.
func (l *Lab) Reserve(site string, names ...string) ([]*Node, error) {
	var held []net.PacketConn
	defer func() {
		for _, c := range held {
			_ = c.Close() // the port is free again, which is all that matters
		}
	}()
	var out []*Node
	for _, name := range names {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port for %s/%s: %w", site, name, err)
		}
		held = append(held, c)
		data := filepath.Join(l.Dir, site+"-"+name)
		out = append(out, &Node{
			Site: site, Name: name, Data: data, Addr: c.LocalAddr().String(), lab: l,
			client: api.NewClient(filepath.Join(data, api.SocketName)), log: logName(l.Dir, site, name),
		})
	}
	l.Nodes = append(l.Nodes, out...)
	return out, nil
}

// Node finds a node by its full name; nil where there is none.
func (l *Lab) Node(id string) *Node {
	for _, n := range l.Nodes {
		if n.ID() == id {
			return n
		}
	}
	return nil
}

// Site lists the nodes of one site.
func (l *Lab) Site(code string) []*Node {
	var out []*Node
	for _, n := range l.Nodes {
		if n.Site == code {
			out = append(out, n)
		}
	}
	return out
}

// OpenRelay opens a relay towards the given nodes and runs it until Close.
func (l *Lab) OpenRelay(towards []*Node) error {
	var targets []string
	for _, n := range towards {
		targets = append(targets, n.Addr)
	}
	r, err := lab.Open(lab.Config{Targets: targets, Seed: l.seed})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.Relay, l.stop = r, cancel
	l.wg.Go(func() {
		if err := r.Run(ctx); err != nil {
			l.fail(fmt.Errorf("relay: %w", err))
		}
	})
	return nil
}

// Init makes a node with `fengsui node init`. invite is a token, "" for the first node of a root. It returns when the node is
// enrolled, which for a site's first node means approved.
func (l *Lab) Init(ctx context.Context, n *Node, name, invite string, settings ...string) error {
	args := []string{"node", "init", "--json", "--data", n.Data, "--site", n.Site, "--node", n.Name, "--listen", n.Addr}
	if name != "" {
		args = append(args, "--name", name)
	}
	if invite != "" {
		args = append(args, "--invite", "-")
	}
	for _, s := range settings {
		args = append(args, "--set", s)
	}
	_, err := l.call(ctx, invite, args...)
	return err
}

// InviteNode asks a running node for the token of a further node of its site.
func (l *Lab) InviteNode(ctx context.Context, at *Node, name string) (string, error) {
	out, err := l.call(ctx, "", "node", "invite", name, "--data", at.Data)
	return strings.TrimSpace(string(out)), err
}

// InviteSite asks a running node for the token of a site below its own.
func (l *Lab) InviteSite(ctx context.Context, at *Node, site, name string) (string, error) {
	out, err := l.call(ctx, "", "site", "invite", site, "--name", name, "--data", at.Data)
	return strings.TrimSpace(string(out)), err
}

// Approve waits until site has asked to join, and admits it.
func (l *Lab) Approve(ctx context.Context, at *Node, site string) error {
	err := poll(ctx, func() (bool, error) {
		sites, err := at.Client().Sites(ctx)
		if err != nil {
			return false, err
		}
		for _, s := range sites {
			if s.Site == site && s.State == "pending" {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the request of %s: %w", site, err)
	}
	_, err = l.call(ctx, "", "site", "approve", site, "--data", at.Data)
	return err
}

// pollEvery is how often a state is looked at that cannot be waited for.
const pollEvery = 10 * time.Millisecond

// poll calls f until it says true, fails for good, or ctx ends. Refusals that come and go (no quorum, not running yet) are retried;
// when ctx ends the last of them is told.
func poll(ctx context.Context, f func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := f()
		if ok && err == nil {
			return nil
		}
		if err != nil && !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// passing tells refusals that may be gone in a moment.
func passing(err error) bool {
	switch api.CodeOf(err) {
	case api.CodeNoQuorum, api.CodeUnavailable, api.CodeNotRunning, api.CodeInterrupted, api.CodeBusy, api.CodeTimeout:
		return true
	}
	return false
}

// Close ends all processes, the relay, and removes the directory. Nodes are not asked to stop in order: nothing they hold is wanted any more.
func (l *Lab) Close() error {
	l.closing.Do(func() {
		var errs []error
		for _, n := range l.Nodes {
			errs = append(errs, n.Kill())
			_ = n.client.Close() // only idle connections
		}
		if l.stop != nil {
			l.stop()
		}
		l.wg.Wait()
		l.spawner.close()
		if !l.keep {
			errs = append(errs, os.RemoveAll(l.Dir))
		}
		l.closed = errors.Join(errs...)
	})
	return l.closed
}
