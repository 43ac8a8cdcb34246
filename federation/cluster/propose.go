package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"fengsui/federation/fsm"

	"github.com/hashicorp/raft"
)

// call is one Propose on its way.
type call struct {
	cmds  []fsm.Command
	bytes int
	local bool        // came from another node: never forwarded again
	done  chan answer // buffered
}

type answer struct {
	results []fsm.Result
	err     error
}

func retriable(err error) bool { return errors.Is(err, ErrNoLeader) }

// Propose has the commands committed by the site, in order, and returns one result per
// command once this site's leader has applied them. It may be called on any node.
// Zero At and ID are stamped here; a caller that means to retry stamps the ID itself.
//
// Commands of one call may be committed in several entries with others' between them;
// they are no transaction. Errors: ErrNoLeader, ErrLowSpace, ErrInvalid, ErrClosed and
// the context's error before the proposal was handed on mean no effect;
// ErrUnknownOutcome means that some, all or none of the commands may take effect.
func (c *Cluster) Propose(ctx context.Context, cmds ...fsm.Command) ([]fsm.Result, error) {
	if len(cmds) == 0 {
		return nil, nil
	}
	stamped := stamp(cmds)
	size, err := c.admissible(stamped)
	if err != nil {
		return nil, err
	}
	var results []fsm.Result
	err = c.settled(ctx, func(string) error {
		results, err = c.enqueue(ctx, &call{cmds: stamped, bytes: size, done: make(chan answer, 1)})
		return err
	})
	c.counters.proposed(len(stamped), err)
	if err != nil {
		return nil, err
	}
	return results, nil
}

// stamp copies the commands and fills in what the proposer owes them.
func stamp(cmds []fsm.Command) []fsm.Command {
	stamped := append([]fsm.Command(nil), cmds...)
	now := time.Now().UTC()
	for i := range stamped {
		if stamped[i].At.IsZero() {
			stamped[i].At = now
		}
		if stamped[i].ID == [16]byte{} {
			// crypto/rand.Read never fails on the systems we run on: it ends the program instead.
			_, _ = rand.Read(stamped[i].ID[:])
		}
	}
	return stamped
}

// admissible refuses, before anyone else sees it, what would stop or burden the replicas.
func (c *Cluster) admissible(cmds []fsm.Command) (bytes int, err error) {
	if len(cmds) > callCommandsMax {
		return 0, fmt.Errorf("proposing %d commands in one call, at most %d: %w", len(cmds), callCommandsMax, ErrInvalid)
	}
	for i := range cmds {
		if err := c.cfg.FSM.Check(&cmds[i]); err != nil {
			return 0, fmt.Errorf("proposing command %d: %w: %w", i, ErrInvalid, err)
		}
		if len(cmds[i].Body) > fsm.BodyBytesMax {
			return 0, fmt.Errorf("proposing command %d with a body of %d bytes, at most %d: %w", i, len(cmds[i].Body), fsm.BodyBytesMax, ErrInvalid)
		}
		bytes += cmds[i].EncodedLen()
	}
	if bytes > callBytesMax-64 { // entry header and checksum
		return 0, fmt.Errorf("proposing %d bytes in one call, at most %d: %w", bytes, callBytesMax-64, ErrInvalid)
	}
	return bytes, nil
}

// enqueue hands a call to the proposer and waits for its answer.
func (c *Cluster) enqueue(ctx context.Context, p *call) ([]fsm.Result, error) {
	select {
	case c.calls <- p:
	case <-c.leaving:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("proposing: %w", context.Cause(ctx)) // nobody has seen it
	}
	select {
	case a := <-p.done:
		return a.results, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	}
}

// proposeLoop gathers the calls that wait and hands them on, a group at a time. While
// groupsInFlight groups are on their way callers wait, and so the next group grows:
// batches are as large as the load makes them and nobody lingers.
func (c *Cluster) proposeLoop() {
	defer close(c.gathered)
	slots := make(chan struct{}, groupsInFlight)
	var carry *call // received, but did not fit the last group
	for {
		select {
		case slots <- struct{}{}:
		case <-c.leaving:
			refuse(carry)
			return
		}
		first := carry
		if first == nil {
			select {
			case first = <-c.calls:
			case <-c.leaving:
				return
			}
		}
		var group []*call
		group, carry = c.gather(first)
		c.dispatch(group, func() { <-slots })
	}
}

func refuse(p *call) {
	if p != nil {
		p.done <- answer{err: ErrClosed}
	}
}

// gather adds the calls that are waiting now, up to what one entry takes.
func (c *Cluster) gather(first *call) (group []*call, carry *call) {
	group = []*call{first}
	count, size := len(first.cmds), first.bytes
	for count < fsm.EntryCommandsMax && size < fsm.EntryBytesTarget {
		select {
		case p := <-c.calls:
			if count+len(p.cmds) > fsm.EntryCommandsMax || size+p.bytes > fsm.EntryBytesTarget {
				return group, p
			}
			group = append(group, p)
			count += len(p.cmds)
			size += p.bytes
		default:
			return group, nil
		}
	}
	return group, nil
}

// dispatch hands a group to raft, or to the leader, and returns while it is on its way.
// Only this function, in the proposer's goroutine, hands entries to raft: commands of
// one call stay in order.
func (c *Cluster) dispatch(group []*call, free func()) {
	c.inFlight.Add(1)
	r := c.raft.Load()
	if r.State() == raft.Leader {
		group = c.sift(group)
		futures := c.submit(r, group)
		go func() {
			defer c.inFlight.Done()
			defer free()
			c.collect(group, futures)
		}()
		return
	}
	go func() {
		defer c.inFlight.Done()
		defer free()
		c.forwardGroup(group)
	}()
}

// sift answers the calls that the disk has no room for.
func (c *Cluster) sift(group []*call) []*call {
	kept := group[:0:0]
	for _, p := range group {
		if c.roomFor(p.cmds) {
			kept = append(kept, p)
		} else {
			p.done <- answer{err: fmt.Errorf("proposing: %w", ErrLowSpace)}
		}
	}
	return kept
}

// submit encodes the group's commands as entries and hands them to raft.
func (c *Cluster) submit(r *raft.Raft, group []*call) []entryFuture {
	var cmds []fsm.Command
	for _, p := range group {
		cmds = append(cmds, p.cmds...)
	}
	var futures []entryFuture
	for len(cmds) > 0 {
		n := entryLen(cmds)
		data, err := fsm.EncodeEntry(cmds[:n])
		e := entryFuture{commands: n, err: err}
		if err == nil {
			e.future = r.Apply(data, enqueueWait)
			c.counters.entries.Add(1)
			c.counters.bytes.Add(uint64(len(data)))
		}
		futures = append(futures, e)
		cmds = cmds[n:]
	}
	return futures
}

// entryLen is how many of cmds, at least one, go into the next entry.
func entryLen(cmds []fsm.Command) int {
	n, size := 0, 0
	for n < len(cmds) && n < fsm.EntryCommandsMax {
		size += cmds[n].EncodedLen()
		if n > 0 && size > fsm.EntryBytesTarget {
			break
		}
		n++
	}
	return n
}

// entryFuture is one entry handed to raft, or why it was not.
type entryFuture struct {
	commands int
	future   raft.ApplyFuture
	err      error
}

// collect waits for the entries of a group and answers its calls.
func (c *Cluster) collect(group []*call, futures []entryFuture) {
	var all []answer // one per command
	for _, e := range futures {
		results, err := c.entryResults(e)
		for i := range e.commands {
			if err != nil {
				all = append(all, answer{err: err})
			} else {
				all = append(all, answer{results: results[i : i+1]})
			}
		}
	}
	for _, p := range group {
		p.done <- join(all[:len(p.cmds)])
		all = all[len(p.cmds):]
	}
}

func (c *Cluster) entryResults(e entryFuture) ([]fsm.Result, error) {
	if e.err != nil {
		return nil, fmt.Errorf("proposing: %w: %w", ErrInvalid, e.err)
	}
	if err := c.await(context.Background(), e.future); err != nil {
		return nil, outcome(err)
	}
	switch r := e.future.Response().(type) {
	case []fsm.Result:
		if len(r) == e.commands {
			return r, nil
		}
		return nil, fmt.Errorf("%w: %d results for %d commands", ErrUnknownOutcome, len(r), e.commands)
	case error: // committed, but this state machine has stopped
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, r)
	default:
		return nil, fmt.Errorf("%w: the state machine answered %T", ErrUnknownOutcome, r)
	}
}

// join makes one answer of a call's commands, which may have travelled in several
// entries: "no effect" is only said when it holds for all of them.
func join(parts []answer) answer {
	var results []fsm.Result
	var failed error
	unknown := false
	for _, p := range parts {
		if p.err == nil {
			results = append(results, p.results...)
			continue
		}
		unknown = unknown || errors.Is(p.err, ErrUnknownOutcome)
		if failed == nil {
			failed = p.err
		}
	}
	switch {
	case failed == nil:
		return answer{results: results}
	case !unknown && len(results) > 0:
		return answer{err: fmt.Errorf("%w: a part was applied: %w", ErrUnknownOutcome, withoutRetry(failed))}
	case unknown && !errors.Is(failed, ErrUnknownOutcome):
		return answer{err: fmt.Errorf("%w: %w", ErrUnknownOutcome, withoutRetry(failed))}
	default:
		return answer{err: failed}
	}
}

// withoutRetry keeps the text of an error, but not that it meant "no effect".
func withoutRetry(err error) error { return errors.New(err.Error()) }
