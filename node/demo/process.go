package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"fengsui/node/api"
)

const (
	readyBudget = 30 * time.Second // a node that is not ready by then will not be
	stopBudget  = 10 * time.Second // after SIGTERM; then it is killed
	logLines    = 12               // of a process's log shown when it failed
	logTail     = 16 << 10         // bytes of the log looked at for them
)

// Node is one node of the lab: its data directory, and its process while it runs.
type Node struct {
	Site, Name string // such as 440106 and n1
	Data       string // data directory
	Addr       string // UDP address

	lab    *Lab
	client *api.Client
	log    string
	userns bool // start in a user namespace of its own, for the right to make a network namespace

	mu      sync.Mutex
	running *run // nil while it does not run
}

// run is one life of a node's process.
type run struct {
	cmd     *exec.Cmd
	ready   chan struct{} // closed when the node has said so
	exited  chan struct{} // closed when the process is gone
	err     error         // how it ended; read after exited
	wanted  bool          // it was told to end; guarded by Node.mu
	readied sync.Once
}

// ID is the node's full name, such as 440106/n1.
func (n *Node) ID() string { return n.Site + "/" + n.Name }

// Client is the client of the node's local socket.
func (n *Node) Client() *api.Client { return n.client }

// PID of the running process, or 0.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running == nil {
		return 0
	}
	return n.running.cmd.Process.Pid
}

// ProcessError says that a process ended, or did not get ready, and what it said last.
type ProcessError struct {
	Node string   // such as 440106/n1
	Err  error    // how it ended
	Log  []string // last lines of its log
}

// Error names the process; the log lines are for whoever prints it.
func (p *ProcessError) Error() string { return fmt.Sprintf("process %s: %v", p.Node, p.Err) }

// Unwrap returns how it ended.
func (p *ProcessError) Unwrap() error { return p.Err }

func (n *Node) failure(err error) error { return &ProcessError{n.ID(), err, n.LogTail()} }

// LogTail returns the last lines of the node's log.
func (n *Node) LogTail() []string {
	f, err := os.Open(n.log)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read
	if info, err := f.Stat(); err == nil && info.Size() > logTail {
		if _, err := f.Seek(-logTail, io.SeekEnd); err != nil {
			return nil
		}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[max(0, len(lines)-logLines):]
}

// Start starts the process and waits until the node says that it is ready.
func (n *Node) Start(ctx context.Context) error {
	r, err := n.launch()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyBudget)
	defer cancel()
	select {
	case <-r.ready:
		return nil
	case <-r.exited:
		return n.failure(fmt.Errorf("ended before it was ready: %w", orDone(r.err)))
	case <-ctx.Done():
		return n.failure(fmt.Errorf("is not ready: %w", ctx.Err()))
	}
}

func orDone(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

func (n *Node) launch() (*run, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running != nil {
		return nil, fmt.Errorf("start %s: it is running", n.ID())
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", n.ID(), err)
	}
	defer func() { _ = log.Close() }() // the child has its own
	cmd := n.lab.command("node", "run", "--data", n.Data, "--json")
	cmd.Stderr = log
	cmd.SysProcAttr = processAttributes(n.userns)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", n.ID(), err)
	}
	r := &run{cmd: cmd, ready: make(chan struct{}), exited: make(chan struct{})}
	if err := n.lab.spawner.start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", n.ID(), err)
	}
	n.running = r
	n.lab.wg.Go(func() { n.watch(r, out) })
	return r, nil
}

// watch reads what the node says until it ends, and tells the lab when that was not asked for.
func (n *Node) watch(r *run, out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var said struct{ Ready bool }
		if json.Unmarshal(lines.Bytes(), &said) == nil && said.Ready {
			r.readied.Do(func() { close(r.ready) })
		}
	}
	r.err = r.cmd.Wait()
	n.mu.Lock()
	wanted := r.wanted
	n.running = nil
	n.mu.Unlock()
	close(r.exited)
	if !wanted {
		n.lab.fail(n.failure(fmt.Errorf("ended by itself: %w", orDone(r.err))))
	}
}

// signal sends sig to the process; end says that its end is wanted. It returns the life that was signalled, nil where none was.
func (n *Node) signal(sig os.Signal, end bool) (*run, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.running
	if r == nil {
		return nil, nil
	}
	r.wanted = r.wanted || end
	if err := r.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return r, fmt.Errorf("send %v to %s: %w", sig, n.ID(), err)
	}
	return r, nil
}

// Kill ends the process with kill -9 and waits until it is gone.
func (n *Node) Kill() error {
	r, err := n.signal(syscall.SIGKILL, true)
	if r == nil || err != nil {
		return err
	}
	<-r.exited
	return nil
}

// Stop asks the process to end in order, and kills it when it does not.
func (n *Node) Stop() error {
	r, err := n.signal(syscall.SIGTERM, true)
	if r == nil || err != nil {
		return err
	}
	timer := time.NewTimer(stopBudget)
	defer timer.Stop()
	select {
	case <-r.exited:
		if r.err != nil {
			return n.failure(fmt.Errorf("did not stop in order: %w", r.err))
		}
		return nil
	case <-timer.C:
		return errors.Join(n.failure(fmt.Errorf("did not stop in %s", stopBudget)), n.Kill())
	}
}

// Freeze stops the process where it stands (SIGSTOP); Thaw lets it go on.
func (n *Node) Freeze() error { _, err := n.signal(syscall.SIGSTOP, false); return err }

// Thaw ends a Freeze.
func (n *Node) Thaw() error { _, err := n.signal(syscall.SIGCONT, false); return err }

// spawner starts all children from one thread, which stays as long as the lab: children ask to be killed when the thread that
// started them ends, and Go ends threads when it likes.
type spawner struct {
	work chan func()
	done chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{make(chan func()), make(chan struct{})}
	go func() { // ends with close
		defer close(s.done)
		lockThread()
		for f := range s.work {
			f()
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	s.work <- func() { result <- cmd.Start() }
	return <-result
}

func (s *spawner) close() {
	close(s.work)
	<-s.done
}

// command prepares a call of this binary with none of our own settings in its environment.
func (l *Lab) command(args ...string) *exec.Cmd {
	cmd := exec.Command(l.binary, args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "FENGSUI_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, l.environ...)
	cmd.Dir = l.Dir
	cmd.SysProcAttr = processAttributes(false)
	return cmd
}

// call runs a command of this binary to its end and returns its standard output.
func (l *Lab) call(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	cmd := l.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	if err := l.spawner.start(cmd); err != nil {
		return nil, fmt.Errorf("run fengsui %s: %w", strings.Join(args, " "), err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // Wait below reports
	defer stop()
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		return nil, &ProcessError{"fengsui " + strings.Join(args, " "), err, lines[max(0, len(lines)-logLines):]}
	}
	return out.Bytes(), nil
}

func logName(dir, site, name string) string { return filepath.Join(dir, site+"-"+name+".log") }
