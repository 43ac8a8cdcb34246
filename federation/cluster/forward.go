package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"fengsui/federation/fsm"
)

// forwardGroup sends a group of calls to the leader in one request. Calls that came from
// another node are answered "no leader": two nodes that each take the other for the
// leader must not play ball with them.
func (c *Cluster) forwardGroup(group []*call) {
	leader, ok := c.Leader()
	var own []*call
	var cmds []fsm.Command
	for _, p := range group {
		if p.local || !ok || leader == c.cfg.Node {
			p.done <- answer{err: fmt.Errorf("%w: this node is not it", ErrNoLeader)}
			continue
		}
		own = append(own, p)
		cmds = append(cmds, p.cmds...)
	}
	if len(own) == 0 {
		return
	}
	results, err := c.forwardProposal(leader, cmds)
	for _, p := range own {
		if err != nil {
			p.done <- answer{err: err}
			continue
		}
		p.done <- answer{results: results[:len(p.cmds):len(p.cmds)]}
		results = results[len(p.cmds):]
	}
}

func (c *Cluster) forwardProposal(leader string, cmds []fsm.Command) ([]fsm.Result, error) {
	payload, err := encodeProposal(cmds)
	if err != nil {
		return nil, fmt.Errorf("forwarding: %w: %w", ErrInvalid, err)
	}
	c.counters.forwarded.Add(1)
	reply, err := c.askLeader(context.Background(), leader, opPropose, payload)
	if err != nil {
		return nil, err
	}
	results, err := fsm.DecodeResults(reply)
	if err == nil && len(results) != len(cmds) {
		err = fmt.Errorf("%w: %d results for %d commands", errProtocol, len(results), len(cmds))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return results, nil
}

// askLeader asks the leader. It gives up as soon as this node no longer takes it for the
// leader: a dead leader does not answer.
func (c *Cluster) askLeader(ctx context.Context, leader string, op operation, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardWait+enqueueWait) // longer than the leader takes
	defer cancel()
	return c.ask(ctx, leader, op, payload, func() bool {
		now, _ := c.Leader()
		return now == leader
	})
}

// ask makes one exchange with a node while it is worth it. Errors say what is known of
// the effect: everything before the request has left is ErrNoLeader, everything after it
// that is no clear answer is ErrUnknownOutcome.
func (c *Cluster) ask(ctx context.Context, node string, op operation, payload []byte, worth func() bool) ([]byte, error) {
	conn, err := c.cfg.Forward(ctx, node)
	if err != nil {
		return nil, fmt.Errorf("%w: reaching %s: %w", ErrNoLeader, node, err)
	}
	defer func() { _ = conn.Close() }() // the exchange is over; its outcome is known
	release := c.bound(ctx, conn, worth)
	defer release()
	if err := writeFrame(conn, byte(op), payload); err != nil {
		return nil, fmt.Errorf("%w: asking %s: %w", ErrUnknownOutcome, node, err)
	}
	code, reply, err := readFrame(conn)
	if err != nil {
		return nil, fmt.Errorf("%w: no answer from %s: %w", ErrUnknownOutcome, node, err)
	}
	return reply, statusError(node, status(code), reply)
}

// bound ends the exchange when its time is over, raft has ended, or it is no longer worth it.
func (c *Cluster) bound(ctx context.Context, conn net.Conn, worth func() bool) (release func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			changed := c.LeaderWatch()
			if !worth() {
				break
			}
			select {
			case <-over:
				return
			case <-changed:
				continue
			case <-ctx.Done():
			case <-c.dead:
			}
			break
		}
		_ = conn.SetDeadline(time.Unix(1, 0)) // an error means that it is closed already
	}()
	return func() { close(over); <-done }
}

// statusError turns an answer's status into an error.
func statusError(node string, s status, reply []byte) error {
	if s == statusOK {
		return nil
	}
	cur := cursor{b: reply}
	text := cur.text()
	if cur.end() != nil {
		text = "no reason given"
	}
	kind := ErrUnknownOutcome
	switch s {
	case statusNoLeader:
		kind = ErrNoLeader
	case statusInvalid:
		kind = ErrInvalid
	case statusLowSpace:
		kind = ErrLowSpace
	case statusOK, statusUnknown:
	}
	return fmt.Errorf("%w: %s says: %s", kind, node, text)
}

// errorStatus is the other direction.
func errorStatus(err error) (status, []byte) {
	s := statusUnknown
	switch {
	case errors.Is(err, ErrUnknownOutcome):
	case errors.Is(err, ErrNoLeader), errors.Is(err, ErrClosed):
		s = statusNoLeader
	case errors.Is(err, ErrInvalid), errors.Is(err, errProtocol):
		s = statusInvalid
	case errors.Is(err, ErrLowSpace):
		s = statusLowSpace
	}
	return s, appendText(nil, err.Error())
}
