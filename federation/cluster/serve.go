package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"fengsui/federation/fsm"
)

// ServeForward answers another node of this site on a stream that it opened with its
// Config.Forward, until it closes the stream, ctx ends or this cluster stops; it closes
// conn. The caller has made sure that the peer is a node of this site. The returned
// error is about the stream or the peer's bytes and changes nothing here.
func (c *Cluster) ServeForward(ctx context.Context, conn net.Conn) error {
	if !c.enterServing() {
		return errors.Join(ErrClosed, conn.Close())
	}
	defer c.serving.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unbind := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // closed already: nothing to end
	defer unbind()
	c.serving.Go(func() {
		defer cancel()
		select {
		case <-c.leaving:
		case <-ctx.Done():
		}
	})
	err := c.serve(ctx, conn)
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		err = nil
	}
	if err != nil {
		c.counters.badStreams.Add(1)
	}
	return errors.Join(err, conn.Close())
}

// enterServing counts a ServeForward, unless the cluster has begun to stop.
func (c *Cluster) enterServing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.leaving:
		return false
	default:
		c.serving.Add(1)
		return true
	}
}

// serve makes exchanges until the stream ends.
func (c *Cluster) serve(ctx context.Context, conn net.Conn) error {
	for {
		if err := conn.SetDeadline(time.Now().Add(requestWait)); err != nil {
			return err
		}
		if ctx.Err() != nil { // the deadline just set may have replaced the one that ends us
			return ctx.Err()
		}
		code, payload, err := readFrame(conn)
		if err != nil {
			return err
		}
		if err := conn.SetDeadline(time.Now().Add(2 * forwardWait)); err != nil {
			return err
		}
		c.counters.served.Add(1)
		reply, err := c.answer(ctx, operation(code), payload)
		s := statusOK
		if err != nil {
			s, reply = errorStatus(err)
		}
		if len(reply) > frameBytesMax {
			s, reply = errorStatus(fmt.Errorf("%w: the results are too large to send", ErrUnknownOutcome))
		}
		if err := writeFrame(conn, byte(s), reply); err != nil {
			return err
		}
	}
}

// answer carries out one request. Nothing is forwarded again from here.
func (c *Cluster) answer(ctx context.Context, op operation, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardWait)
	defer cancel()
	if _, err := c.running(ctx); err != nil {
		return nil, err
	}
	cur := cursor{b: payload}
	switch op {
	case opPropose:
		return c.answerProposal(ctx, payload)
	case opReadIndex:
		if err := cur.end(); err != nil {
			return nil, err
		}
		index, err := c.askReader(ctx, true)
		return binary.BigEndian.AppendUint64(nil, index), err
	case opAddVoter:
		node, address := cur.text(), cur.text()
		if err := cur.end(); err != nil {
			return nil, err
		}
		return nil, c.addVoterHere(ctx, node, address)
	case opRemove:
		node := cur.text()
		if err := cur.end(); err != nil {
			return nil, err
		}
		return nil, c.removeHere(ctx, node)
	case opServers:
		if err := cur.end(); err != nil {
			return nil, err
		}
		if !c.IsLeader() {
			return nil, ErrNoLeader
		}
		return encodeServers(c.Servers()), nil
	case opProgress:
		index, _ := c.cfg.FSM.Applied()
		return binary.BigEndian.AppendUint64(nil, index), cur.end()
	default:
		return nil, fmt.Errorf("%w: unknown operation %d", errProtocol, op)
	}
}

func (c *Cluster) answerProposal(ctx context.Context, payload []byte) ([]byte, error) {
	cmds, err := decodeProposal(payload)
	if err != nil {
		return nil, err
	}
	size, err := c.admissible(cmds)
	if err != nil {
		return nil, err
	}
	results, err := c.enqueue(ctx, &call{cmds: cmds, bytes: size, local: true, done: make(chan answer, 1)})
	if err != nil {
		return nil, err
	}
	reply, err := fsm.AppendResults(nil, results)
	if err != nil {
		return nil, fmt.Errorf("%w: applied, but %w", ErrUnknownOutcome, err)
	}
	return reply, nil
}
