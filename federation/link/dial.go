package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"fengsui/gmcrypto/channel"
)

// dialCall is one dial under way, shared by all who want its target.
type dialCall struct {
	target   Target
	key      dialKey
	peer     peerKey // whom it reaches, as far as known; guarded by the registry's lock
	replaces *conn   // the silent connection it is to replace

	done chan struct{}

	mu     sync.Mutex
	ended  bool
	wanted int // by how many
	conn   *conn
	err    error
	cancel context.CancelFunc
	queue  []queuedDatagram
}

type queuedDatagram struct {
	kind Kind
	data []byte
}

// finish ends the call for everyone who waits; only the first call counts. A dial that is no longer needed is
// cancelled, datagrams that were waiting are sent.
func (d *dialCall) finish(c *conn, err error) {
	d.mu.Lock()
	if d.ended {
		d.mu.Unlock()
		return
	}
	d.ended, d.conn, d.err = true, c, err
	queue := d.queue
	d.queue = nil
	cancel := d.cancel
	d.mu.Unlock()
	close(d.done)
	if cancel != nil {
		cancel()
	}
	for _, q := range queue {
		if c != nil {
			_ = c.enqueue(q.kind, q.data)
		}
	}
}

// connect gives a connection to the target, dialling if none stands or the one that stands has fallen silent.
func (t *Transport) connect(ctx context.Context, target Target) (*conn, error) {
	c := t.registry.find(target)
	if c != nil && (!c.suspect() || target.Addr == "") {
		return c, nil
	}
	if target.Addr == "" {
		return nil, &DialError{Target: target, Reason: ErrNotConnected}
	}
	call, err := t.dialOnce(target, c)
	if err != nil {
		return nil, err
	}
	select {
	case <-call.done:
		return call.conn, call.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			call.abandon()
		}
		return nil, ctxDialError(target, ctx)
	}
}

// abandon cancels the dial when nobody wants it any more. Somebody whose time ran out still does: the dial goes on
// within its own bound, and the next one to ask finds the connection.
func (d *dialCall) abandon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wanted--; d.wanted == 0 && d.cancel != nil {
		d.cancel()
	}
}

func ctxDialError(target Target, ctx context.Context) error {
	err := context.Cause(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &DialError{Target: target, Reason: ErrTimeout, Err: err}
	}
	return &DialError{Target: target, Reason: err, Err: err}
}

// dialOnce joins the dial under way for a target or starts one in a goroutine of its own, which Close waits for.
func (t *Transport) dialOnce(target Target, replaces *conn) (*dialCall, error) {
	call, made := t.registry.joinDial(target, replaces)
	call.mu.Lock()
	call.wanted++
	call.mu.Unlock()
	if !made {
		return call, nil
	}
	if !t.start(func() { t.runDial(call) }) {
		err := &DialError{Target: target, Reason: net.ErrClosed}
		t.registry.leaveDial(call, false)
		call.finish(nil, err)
		return nil, err
	}
	return call, nil
}

// runDial dials and finishes the call.
func (t *Transport) runDial(call *dialCall) {
	ctx, cancel := context.WithTimeout(t.ctx, authTimeout)
	defer cancel()
	call.mu.Lock()
	call.cancel = cancel
	needed := !call.ended
	call.mu.Unlock()
	if !needed {
		t.registry.leaveDial(call, false)
		return
	}
	if err := t.dial(ctx, call); err != nil {
		if other := t.registry.leaveDial(call, true); other != nil {
			other.sendControl(appendEmpty(nil, messagePromote))
			call.finish(other, nil)
			return
		}
		call.finish(nil, err)
		t.log.Debug("dial failed", "target", call.target, "err", err)
	}
}

// dial makes one connection: carrier, exchange, hello, and the registry's decision. The connection is served in a
// goroutine of its own, which Close waits for. Without an error the call is finished, perhaps with another connection.
func (t *Transport) dial(ctx context.Context, call *dialCall) error {
	target := call.target
	fail := func(reason failReason, sentinel, err error) error {
		call.mu.Lock()
		needed := !call.ended
		call.mu.Unlock()
		if needed { // a dial cancelled because the peer came first has not failed
			t.stats.failed(reason)
		}
		return &DialError{Target: target, Reason: sentinel, Err: err}
	}
	addr, err := t.resolve(ctx, target.Addr)
	if err != nil {
		return fail(reasonUnreachable, ErrUnreachable, err)
	}
	place := &slot{start: time.Now(), release: func() {}}
	q, err := t.dialCarrier(context.WithValue(ctx, slotKey{}, place), addr)
	if err != nil {
		reason, sentinel := carrierFailure(err)
		return fail(reason, sentinel, carrierError(err))
	}
	cut := closeOn(ctx, q)
	c, theirs, err := t.authenticateOutgoing(ctx, q, call)
	if struck := cut(); err == nil && struck {
		err = context.Cause(ctx)
	}
	if err != nil {
		reason, sentinel := t.outgoingFailure(q, err)
		return fail(reason, sentinel, err)
	}
	c.dialAddr = target.Addr
	place.authenticated.Store(true)
	if !t.start(c.run) {
		c.close(codeShutdown)
		return fail(reasonTimeout, net.ErrClosed, net.ErrClosed)
	}
	wait := theirs.flags&helloWait != 0
	if wait {
		t.awaitOther(c)
	}
	use := t.registry.dialed(c, call.replaces != nil, wait)
	if c.ended() { // it may have ended before the registry knew it
		t.registry.ended(c)
	}
	if use == nil {
		c.close(codeBusy)
		return fail(reasonBusy, ErrBusy, errors.New("this node's connection limit is reached"))
	}
	if use == c && wait {
		c.sendControl(appendEmpty(nil, messagePromote))
	}
	t.stats.dialed.Add(1)
	t.log.Info("link up", "peer", c.name(), "dialed", true, "used", use == c)
	t.registry.leaveDial(call, false)
	call.finish(use, nil)
	return nil
}

// dialCarrier makes the QUIC connection. An attempt nobody answers is given up after carrierIdleTimeout and made afresh
// until ctx ends: the first packets of a new attempt come close together, so a line that is back is found soon.
func (t *Transport) dialCarrier(ctx context.Context, addr net.Addr) (*quic.Conn, error) {
	for {
		q, err := t.quic.Dial(ctx, addr, t.clientTLS, t.quicConf)
		if err == nil || ctx.Err() != nil || !isTimeout(err) {
			return q, err
		}
	}
}

// carrierFailure words an error of the QUIC dial: nobody there, or somebody who would not have us.
func carrierFailure(err error) (failReason, error) {
	if te, ok := errors.AsType[*quic.TransportError](err); ok && te.Remote {
		if te.ErrorCode == quic.ConnectionRefused {
			return reasonBusy, ErrBusy
		}
		return reasonMalformed, ErrHandshake
	}
	if errors.Is(err, context.Canceled) {
		return reasonTimeout, context.Canceled
	}
	return reasonUnreachable, ErrUnreachable
}

// outgoingFailure closes a connection whose exchange failed and words the reason: ours, or what the peer's close code
// says, for which it waits a moment.
func (t *Transport) outgoingFailure(q *quic.Conn, err error) (failReason, error) {
	if he, ok := errors.AsType[*handshakeError](err); ok {
		sentinel := map[failReason]error{
			reasonSelf: ErrSelf, reasonBusy: ErrBusy, reasonUntrusted: ErrUntrusted, reasonRefused: ErrRefused,
		}[he.reason]
		if sentinel != nil {
			_ = q.CloseWithError(he.code, "")
			return he.reason, sentinel
		}
	}
	timer := time.NewTimer(causeWait)
	defer timer.Stop()
	select {
	case <-q.Context().Done():
	case <-timer.C:
		code := codeHandshake
		if isTimeout(err) {
			code = codeTimeout
		}
		_ = q.CloseWithError(code, "")
	}
	ae, ok := errors.AsType[*quic.ApplicationError](context.Cause(q.Context()))
	if ok && ae.Remote {
		switch ae.ErrorCode {
		case codeUntrusted:
			return reasonRefused, ErrRefused
		case codeBusy:
			return reasonBusy, ErrBusy
		case codeTimeout:
			return reasonTimeout, ErrTimeout
		case codeSelf:
			return reasonSelf, ErrSelf
		case codeShutdown:
			return reasonUnreachable, ErrUnreachable
		}
		return reasonMalformed, ErrHandshake
	}
	if t.ctx.Err() != nil {
		return reasonTimeout, net.ErrClosed
	}
	if ok && ae.ErrorCode == codeTimeout { // our own clock
		return reasonTimeout, ErrTimeout
	}
	if isTimeout(err) || isTimeout(context.Cause(q.Context())) || errors.Is(err, context.Canceled) {
		return reasonTimeout, ErrTimeout
	}
	return reasonMalformed, ErrHandshake
}

// authenticateOutgoing runs the exchange on the first stream and swaps hellos on the second.
func (t *Transport) authenticateOutgoing(ctx context.Context, q *quic.Conn, call *dialCall) (*conn, hello, error) {
	first, err := q.OpenStreamSync(ctx)
	if err != nil {
		return nil, hello{}, fmt.Errorf("open first stream: %w", err)
	}
	var verdict error
	conf, err := t.channelConfig(q, call.target, &verdict)
	if err != nil {
		return nil, hello{}, err
	}
	wire := &carrierStream{Stream: first, q: q}
	sess, err := channel.Client(ctx, wire, conf)
	if err != nil {
		return nil, hello{}, classify(err, verdict)
	}
	_ = wire.Close()
	second, err := q.OpenStreamSync(ctx)
	if err != nil {
		return nil, hello{}, fmt.Errorf("open control stream: %w", err)
	}
	c := t.newConn(q, sess, second, true)
	if !call.target.named() {
		t.registry.learnPeer(call, c.key)
	}
	c.serial = t.dials.Add(1)
	mine := hello{instance: t.instance, advertise: t.advertise, serial: c.serial}
	if call.replaces != nil {
		mine.flags |= helloReplaces
	}
	if err := c.sendHello(ctx, mine); err != nil {
		return nil, hello{}, err
	}
	theirs, err := c.readHello(ctx)
	if err != nil {
		return nil, hello{}, err
	}
	c.instance, c.advertise = theirs.instance, theirs.advertise
	return c, theirs, nil
}

// awaitOther waits, for a short while, for the connection the peer said goes first.
func (t *Transport) awaitOther(c *conn) {
	defer t.registry.forget(c.key)
	timer := time.NewTimer(yieldTimeout)
	defer timer.Stop()
	for {
		other, changed := t.registry.watchPair(c)
		if other != nil {
			return
		}
		select {
		case <-changed:
		case <-c.promote:
			return
		case <-timer.C:
			return
		case <-c.q.Context().Done():
			return
		}
	}
}
