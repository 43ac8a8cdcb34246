package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/quic-go/quic-go"

	"fengsui/gmcrypto/channel"
	"fengsui/gmcrypto/identity"
)

// handshakeError carries the reason a handshake failed for, as counted, and the code the peer is told.
type handshakeError struct {
	reason failReason
	code   quic.ApplicationErrorCode
	err    error
}

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

func protocolError(err error) *handshakeError {
	return &handshakeError{reason: reasonMalformed, code: codeProtocol, err: err}
}

// channelConfig makes the configuration of one exchange. What Verify said is kept in verdict, because the reason for a
// refusal decides how the failure is reported.
func (t *Transport) channelConfig(q *quic.Conn, want Target, verdict *error) (channel.Config, error) {
	binding, err := bindingOf(q)
	if err != nil {
		return channel.Config{}, err
	}
	verify := func(chain []*identity.Certificate) (identity.Peer, error) {
		p, err := t.cfg.Verify(chain)
		switch {
		case err != nil:
		case p.Key.Fingerprint() == t.self:
			err = ErrSelf
		case !want.accepts(p):
			err = fmt.Errorf("%w: asked for %s, found %s/%s", ErrUntrusted, want, p.Site, p.Node)
		}
		if err != nil {
			*verdict = err
			return identity.Peer{}, err
		}
		return p, nil
	}
	return channel.Config{Key: t.cfg.Key, Chain: t.cfg.Chain(), Verify: verify, Binding: binding}, nil
}

// classify turns a failed exchange into what is counted and told.
func classify(err, verdict error) *handshakeError {
	hint := channel.Hint(0)
	if re, ok := errors.AsType[*channel.RefusedError](err); ok {
		hint = re.Hint
	}
	switch {
	case errors.Is(err, channel.ErrSelf), errors.Is(verdict, ErrSelf), hint == channel.HintSelf:
		return &handshakeError{reasonSelf, codeSelf, err}
	case errors.Is(err, channel.ErrPeer), verdict != nil:
		return &handshakeError{reasonUntrusted, codeUntrusted, err}
	case hint == channel.HintCertificate:
		return &handshakeError{reasonRefused, codeHandshake, err}
	case isTimeout(err):
		return &handshakeError{reasonTimeout, codeTimeout, err}
	}
	return &handshakeError{reasonMalformed, codeHandshake, err}
}

// serveIncoming authenticates a connection the peer dialled and, if that succeeds within authTimeout of its first
// packet, serves it to its end.
func (t *Transport) serveIncoming(q *quic.Conn) {
	place := slotOf(q)
	defer place.release()
	ctx, cancel := context.WithDeadline(t.ctx, place.start.Add(authTimeout))
	defer cancel()
	cut := closeOn(ctx, q)
	c, wait, err := t.authenticateIncoming(ctx, q)
	if timedOut := cut(); err == nil && timedOut {
		err = &handshakeError{reasonTimeout, codeTimeout, context.Cause(ctx)}
		t.registry.ended(c)
	}
	if err != nil {
		he, ok := errors.AsType[*handshakeError](err)
		if !ok {
			he = classify(err, nil)
		}
		if ae, ok := errors.AsType[*quic.ApplicationError](context.Cause(q.Context())); ok && ae.Remote && ae.ErrorCode == codeAbandoned {
			he = &handshakeError{reasonAbandoned, codeAbandoned, err}
		} else if ctx.Err() != nil {
			he = &handshakeError{reasonTimeout, codeTimeout, err}
		}
		t.stats.failed(he.reason)
		t.log.Debug("incoming link refused", "reason", failReasonNames[he.reason], "err", err)
		_ = q.CloseWithError(he.code, "")
		return
	}
	place.release()
	t.stats.accepted.Add(1)
	t.log.Info("link up", "peer", c.name(), "dialed", false, "spare", wait)
	c.run()
}

// closeOn closes q when ctx ends first. The returned function ends the arrangement, waits for it, and tells whether it
// has struck.
func closeOn(ctx context.Context, q *quic.Conn) func() (struck bool) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		code := codeTimeout
		switch {
		case errors.Is(context.Cause(ctx), net.ErrClosed):
			code = codeShutdown
		case errors.Is(ctx.Err(), context.Canceled):
			code = codeAbandoned
		}
		_ = q.CloseWithError(code, "")
	})
	return func() bool {
		if stop() {
			return false
		}
		<-done
		return true
	}
}

// authenticateIncoming runs the exchange on the first stream, reads the peer's hello on the second and answers it. A
// third stream before the answer is a violation.
func (t *Transport) authenticateIncoming(ctx context.Context, q *quic.Conn) (c *conn, wait bool, err error) {
	early := t.acceptEarly(ctx, q)
	defer early.stop()
	first, err := early.next(ctx)
	if err != nil {
		return nil, false, err
	}
	var verdict error
	conf, err := t.channelConfig(q, Target{}, &verdict)
	if err != nil {
		return nil, false, err
	}
	wire := &carrierStream{Stream: first, q: q}
	sess, err := channel.Server(ctx, wire, conf)
	if err != nil {
		return nil, false, classify(err, verdict)
	}
	_ = wire.Close()
	first.ReleaseStreamCredit()
	second, err := early.next(ctx)
	if err != nil {
		return nil, false, err
	}
	c = t.newConn(q, sess, second, false)
	theirs, err := c.readHello(ctx)
	if err != nil {
		return nil, false, protocolError(err)
	}
	c.instance, c.advertise, c.serial = theirs.instance, theirs.advertise, theirs.serial
	if early.stop() {
		return nil, false, protocolError(errors.New("stream opened before authentication"))
	}
	wait, ok := t.registry.accepted(c, theirs.flags)
	if !ok {
		return nil, false, &handshakeError{reasonBusy, codeBusy, ErrBusy}
	}
	slotOf(q).authenticated.Store(true)
	mine := hello{instance: t.instance, advertise: t.advertise}
	if wait {
		mine.flags |= helloWait
	}
	if err := c.sendHello(ctx, mine); err != nil {
		t.registry.ended(c)
		return nil, false, err
	}
	return c, wait, nil
}

// earlyStreams takes in the streams of a peer that is not authenticated yet.
type earlyStreams struct {
	streams chan *quic.Stream
	cancel  context.CancelFunc
	done    chan struct{}
	tooMany bool // valid after done
}

// acceptEarly starts a goroutine that accepts the streams a peer may open before it is authenticated and closes the
// connection when one more comes; stop ends it.
func (t *Transport) acceptEarly(ctx context.Context, q *quic.Conn) *earlyStreams {
	ctx, cancel := context.WithCancel(ctx)
	e := &earlyStreams{streams: make(chan *quic.Stream, preAuthStreamsMax), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		for n := 0; ; n++ {
			s, err := q.AcceptStream(ctx)
			if err != nil {
				close(e.streams)
				return
			}
			if n == preAuthStreamsMax {
				e.tooMany = true
				_ = q.CloseWithError(codeProtocol, "")
				close(e.streams)
				return
			}
			e.streams <- s
		}
	}()
	return e
}

// next waits for the peer's next stream.
func (e *earlyStreams) next(ctx context.Context) (*quic.Stream, error) {
	s, ok := <-e.streams
	if !ok {
		if err := context.Cause(ctx); err != nil {
			return nil, fmt.Errorf("wait for stream: %w", err)
		}
		return nil, protocolError(errors.New("connection ended before authentication"))
	}
	return s, nil
}

// stop ends the goroutine and tells whether the peer has opened too many streams.
func (e *earlyStreams) stop() bool {
	e.cancel()
	<-e.done
	return e.tooMany
}

// newConn makes the connection of an exchange that has succeeded; its control stream is already there.
func (t *Transport) newConn(q *quic.Conn, sess *channel.Session, control *quic.Stream, dialed bool) *conn {
	peer := sess.Peer()
	now := time.Now()
	c := &conn{
		t: t, q: q, sess: sess, seal: sess.Datagrams(),
		peer: peer, key: keyOf(peer), print: peer.Key.Fingerprint(),
		dialed: dialed, remote: addrPortOf(q.RemoteAddr()).String(), born: now,
		sendq:   make(chan []byte, datagramQueueMax),
		promote: make(chan struct{}, 1),
	}
	c.heard.Store(now.UnixNano())
	c.control = sess.Stream(&carrierStream{Stream: control, q: q}, uint64(control.StreamID()), dialed)
	return c
}

// readHello reads the peer's hello; it must be the first control message.
func (c *conn) readHello(ctx context.Context) (hello, error) {
	if d, ok := ctx.Deadline(); ok {
		_ = c.control.SetReadDeadline(d)
		defer func() { _ = c.control.SetReadDeadline(time.Time{}) }()
	}
	kind, body, err := readControl(c.control, make([]byte, controlMessageMax))
	if err != nil {
		return hello{}, fmt.Errorf("read hello: %w", err)
	}
	if kind != messageHello {
		return hello{}, fmt.Errorf("control message %d where a hello belongs", kind)
	}
	return parseHello(body)
}

// sendHello writes ours, and what had to wait for it.
func (c *conn) sendHello(ctx context.Context, h hello) error {
	c.controlMu.Lock()
	defer c.controlMu.Unlock()
	if d, ok := ctx.Deadline(); ok {
		_ = c.control.SetWriteDeadline(d)
		defer func() { _ = c.control.SetWriteDeadline(time.Time{}) }()
	}
	if _, err := c.control.Write(append(appendHello(nil, h), c.early...)); err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	c.greeted, c.early = true, nil
	return nil
}
