package channel

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// Errors of the handshake; match with errors.Is.
var (
	// ErrConfig means the caller's Config cannot work: nothing was sent.
	ErrConfig = errors.New("channel configuration")
	// ErrMalformed means the peer sent what is no message of this protocol.
	ErrMalformed = errors.New("malformed handshake message")
	// ErrVersion means the peer speaks another version or suite.
	ErrVersion = errors.New("peer speaks another protocol version")
	// ErrPeer means Verify, or a rule of the channel, refused the peer's certificates.
	ErrPeer = errors.New("peer's certificate refused")
	// ErrSelf means the peer holds our own key: we dialled ourselves, or our
	// messages were sent back to us.
	ErrSelf = errors.New("peer is this node itself")
	// ErrConfirm means the two sides do not agree: the peer does not hold its
	// certificate's key, a message was changed, or the two ends sit on different
	// carriers (a man in the middle).
	ErrConfirm = errors.New("key confirmation does not match")
)

// Errors of streams and datagrams; match with errors.Is.
var (
	// ErrRecord means a record or datagram was forged, changed, moved or
	// repeated; for a stream it is final.
	ErrRecord = errors.New("record is not authentic")
	// ErrTruncated means a stream ended without its authenticated end.
	ErrTruncated = fmt.Errorf("stream cut off before its end: %w", io.ErrUnexpectedEOF)
	// ErrReplay means a datagram came twice, or so late that this cannot be told.
	ErrReplay = errors.New("datagram is repeated or too old")
	// ErrStreamReused means a stream id was given out before in this session;
	// its keys must not be used again.
	ErrStreamReused = errors.New("stream id was used before in this session")
	// ErrRole means Stream was told that the channel's client is its server.
	ErrRole = errors.New("initiator does not match the side that was the channel's client")
	// ErrDestroyed means the session's keys have been wiped.
	ErrDestroyed = fmt.Errorf("session has been destroyed: %w", net.ErrClosed)
	// ErrWriteClosed means a write after CloseWrite.
	ErrWriteClosed = fmt.Errorf("stream is closed for writing: %w", net.ErrClosed)
)

// Hint is the reason a peer gives for ending the handshake. It is sent without
// authentication: anyone on the path can forge it. Show it to people, never
// decide by it.
type Hint uint8

// Hints; the numbers are the protocol's and never change.
const (
	HintMalformed   Hint = 1
	HintVersion     Hint = 2
	HintCertificate Hint = 3
	HintConfirm     Hint = 4
	HintSelf        Hint = 5
)

// String says the hint in words.
func (h Hint) String() string {
	switch h {
	case HintMalformed:
		return "it could not read our message"
	case HintVersion:
		return "it speaks another protocol version"
	case HintCertificate:
		return "it does not accept our certificate"
	case HintConfirm:
		return "key confirmation did not match"
	case HintSelf:
		return "it holds the same key as we do"
	}
	return fmt.Sprintf("reason %d, unknown here", uint8(h))
}

// RefusedError means the peer ended the handshake. The reason is a hint.
type RefusedError struct{ Hint Hint }

// Error says what the peer claims.
func (e *RefusedError) Error() string {
	return "peer ended the handshake (unproven): " + e.Hint.String()
}

// hintFor chooses what to tell the peer; ok is false when it is told nothing.
func hintFor(err error) (h Hint, ok bool) {
	switch {
	case errors.Is(err, ErrVersion):
		return HintVersion, true
	case errors.Is(err, ErrMalformed):
		return HintMalformed, true
	case errors.Is(err, ErrSelf):
		return HintSelf, true
	case errors.Is(err, ErrPeer):
		return HintCertificate, true
	case errors.Is(err, ErrConfirm):
		return HintConfirm, true
	}
	return 0, false
}
