package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/quic-go/quic-go"
)

// Reasons of a DialError, and refusals of single streams. Decide with errors.Is.
var (
	// ErrUnreachable: the address does not resolve, or nothing answers there.
	ErrUnreachable = errors.New("peer unreachable")
	// ErrTimeout: the peer answered but did not finish in time, or the caller's deadline passed first.
	ErrTimeout = errors.New("timed out")
	// ErrUntrusted: we do not accept the identity the peer showed (unknown issuer, lapsed, or not the one asked for).
	ErrUntrusted = errors.New("peer identity not trusted")
	// ErrRefused: the peer does not accept our identity.
	ErrRefused = errors.New("peer refused our identity")
	// ErrHandshake: the exchange failed otherwise (malformed message, carrier tampered with).
	ErrHandshake = errors.New("handshake failed")
	// ErrBusy: the peer is at one of its limits; try later or another node.
	ErrBusy = errors.New("peer is at its limit")
	// ErrSelf: the address leads back to this very node.
	ErrSelf = errors.New("address is this node's own")
	// ErrNotConnected: the target has no address and no connection of its own making stands.
	ErrNotConnected = errors.New("not connected")
	// ErrKindRefused: the peer's allow function does not let us open streams of this kind.
	ErrKindRefused = errors.New("stream kind refused by peer")
	// ErrKindUnknown: the peer serves no streams of this kind.
	ErrKindUnknown = errors.New("stream kind unknown to peer")
	// ErrStreamReset: the peer ended the stream abruptly.
	ErrStreamReset = errors.New("stream reset by peer")
	// ErrDatagramDropped: a queue was full; datagrams are best effort.
	ErrDatagramDropped = errors.New("datagram dropped")
	// ErrDatagramSize: the payload exceeds 1100 bytes.
	ErrDatagramSize = errors.New("datagram payload too long")
)

// Internal decisions; never returned to callers.
var (
	errRetired    = errors.New("connection retired")
	errSuperseded = errors.New("superseded by another connection of the pair")
)

// DialError says why no connection to a peer could be had. It unwraps to its Reason (one of the Err values above) and to
// the error underneath.
type DialError struct {
	Target Target
	Reason error
	Err    error
}

// Error names the target and the step; identity first, address second.
func (e *DialError) Error() string {
	if e.Err == nil || errors.Is(e.Reason, e.Err) {
		return fmt.Sprintf("link to %s: %v", e.Target, e.Reason)
	}
	return fmt.Sprintf("link to %s: %v: %v", e.Target, e.Reason, e.Err)
}

// Unwrap gives the reason and the cause.
func (e *DialError) Unwrap() []error { return []error{e.Reason, e.Err} }

// Timeout reports whether waiting longer might have helped; DialError satisfies net.Error.
func (e *DialError) Timeout() bool {
	return errors.Is(e.Reason, ErrTimeout) || errors.Is(e.Reason, ErrUnreachable)
}

// Temporary is part of net.Error and follows Timeout.
func (e *DialError) Temporary() bool { return e.Timeout() || errors.Is(e.Reason, ErrBusy) }

// ClosedError is the end of a connection as seen by its streams. It unwraps to net.ErrClosed and to the cause.
type ClosedError struct {
	Reason string
	Err    error
}

// Error says who or what ended the connection.
func (e *ClosedError) Error() string { return "link connection closed: " + e.Reason }

// Unwrap gives net.ErrClosed first, so that callers test one standard sentinel.
func (e *ClosedError) Unwrap() []error { return []error{net.ErrClosed, e.Err} }

// Codes with which a connection is closed. Numbers are wire format: append only.
const (
	codeShutdown   quic.ApplicationErrorCode = 0x10 // this node is stopping
	codeUntrusted  quic.ApplicationErrorCode = 0x11 // your identity is not accepted
	codeHandshake  quic.ApplicationErrorCode = 0x12 // the exchange failed
	codeTimeout    quic.ApplicationErrorCode = 0x13 // not authenticated in time
	codeProtocol   quic.ApplicationErrorCode = 0x14 // malformed or out of turn
	codeBusy       quic.ApplicationErrorCode = 0x15 // too many connections
	codeRetired    quic.ApplicationErrorCode = 0x16 // drained; the pair uses another connection
	codeSuperseded quic.ApplicationErrorCode = 0x17 // a newer instance or a replacement took over
	codeRevoked    quic.ApplicationErrorCode = 0x18 // your identity is no longer accepted
	codeSelf       quic.ApplicationErrorCode = 0x19 // you are me
	codeAbandoned  quic.ApplicationErrorCode = 0x1a // the dialler does not need the connection any more
)

// Codes with which a stream is reset. Numbers are wire format: append only.
const (
	streamDone        quic.StreamErrorCode = 0x00 // reader finished, nothing wrong
	streamAborted     quic.StreamErrorCode = 0x20 // opener or handler gave up
	streamKindUnknown quic.StreamErrorCode = 0x21
	streamKindRefused quic.StreamErrorCode = 0x22
	streamBusy        quic.StreamErrorCode = 0x23
	streamInternal    quic.StreamErrorCode = 0x24 // handler failed
	streamBadRecord   quic.StreamErrorCode = 0x25 // no readable kind in time
)

// closeReason words a close code for people.
func closeReason(code quic.ApplicationErrorCode) string {
	switch code {
	case codeShutdown:
		return "node is stopping"
	case codeUntrusted:
		return "identity not accepted"
	case codeHandshake:
		return "handshake failed"
	case codeTimeout:
		return "not authenticated in time"
	case codeProtocol:
		return "protocol violation"
	case codeBusy:
		return "too many connections"
	case codeRetired:
		return "drained"
	case codeSuperseded:
		return "superseded"
	case codeRevoked:
		return "identity no longer accepted"
	case codeSelf:
		return "connected to itself"
	case codeAbandoned:
		return "no longer needed"
	}
	return fmt.Sprintf("code %#x", uint64(code))
}

// carrierError turns what quic-go says about a stream or connection into this package's errors. io.EOF, deadlines and
// context ends pass unchanged.
func carrierError(err error) error {
	if err == nil {
		return nil
	}
	if se, ok := errors.AsType[*quic.StreamError](err); ok {
		if !se.Remote {
			return &ClosedError{Reason: "stream closed here", Err: err}
		}
		switch se.ErrorCode {
		case streamKindRefused:
			return fmt.Errorf("%w (%w)", ErrKindRefused, ErrStreamReset)
		case streamKindUnknown:
			return fmt.Errorf("%w (%w)", ErrKindUnknown, ErrStreamReset)
		case streamBusy:
			return fmt.Errorf("%w (%w)", ErrBusy, ErrStreamReset)
		case streamDone:
			return &ClosedError{Reason: "peer has finished with the stream", Err: err}
		}
		return fmt.Errorf("%w (code %#x)", ErrStreamReset, uint64(se.ErrorCode))
	}
	if ae, ok := errors.AsType[*quic.ApplicationError](err); ok {
		who := "here"
		if ae.Remote {
			who = "by peer"
		}
		return &ClosedError{Reason: who + ": " + closeReason(ae.ErrorCode), Err: err}
	}
	if _, ok := errors.AsType[*quic.StatelessResetError](err); ok {
		return &ClosedError{Reason: "peer has restarted", Err: err}
	}
	if _, ok := errors.AsType[*quic.IdleTimeoutError](err); ok {
		return &ClosedError{Reason: "nothing heard from peer", Err: err}
	}
	if errors.Is(err, quic.ErrStreamClosed) || errors.Is(err, net.ErrClosed) {
		return &ClosedError{Reason: err.Error(), Err: err}
	}
	return err
}

// isTimeout reports whether err is the end of a deadline or an unanswered carrier.
func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}
