package link

import "time"

// Every bound of the package, in one place. Units are in the names.
const (
	// authTimeout bounds everything from the first packet of a connection to the end of its hello exchange.
	authTimeout = 3 * time.Second
	// carrierIdleTimeout ends a QUIC handshake in which the peer falls silent; quic-go also ends it at twice this.
	carrierIdleTimeout = 1500 * time.Millisecond
	// idleTimeout ends a connection on which nothing has arrived, although keep-alives asked for an answer.
	idleTimeout = 5 * time.Second
	// keepAlivePeriod is the silence after which QUIC pings the peer.
	keepAlivePeriod = 750 * time.Millisecond
	// watchPeriod is how often the watch of a running transport looks at its connections.
	watchPeriod = 250 * time.Millisecond
	// paddedPingAfter is the silence after which a connection is sent a packet long enough for a stateless reset.
	paddedPingAfter = time.Second
	// suspectAfter is the silence after which a connection is no longer trusted with new streams.
	suspectAfter = 2 * time.Second
	// reverifyPeriod is how often the certificate chains of standing connections are verified again.
	reverifyPeriod = time.Minute
	// yieldTimeout is how long a dialler told to wait for the peer's own connection waits before it uses its own.
	yieldTimeout = time.Second
	// simultaneousMax is the age up to which two connections of one pair count as dialled at the same time. It exceeds
	// authTimeout: an older connection was known to the peer before it dialled, so the peer must have lost it.
	simultaneousMax = 2 * authTimeout
	// kindTimeout is how long an accepted stream may take to say its kind.
	kindTimeout = 3 * time.Second
	// causeWait is how long a failed handshake waits for the peer's close code, which says why.
	causeWait = 250 * time.Millisecond

	// handshakesMax bounds concurrent unauthenticated connections, in all.
	handshakesMax = 128
	// handshakesPerIPMax bounds them per source address.
	handshakesPerIPMax = 32
	// handshakesRetryAbove is the number of unauthenticated connections from which on addresses must be proven (Retry).
	handshakesRetryAbove = 32
	// handshakesPerIPRetryAbove is the same per source address; it is below handshakesPerIPMax so that packets with a
	// forged source can never use up the places of the real owner of an address.
	handshakesPerIPRetryAbove = 8
	// connectionsMax bounds authenticated connections, in all.
	connectionsMax = 4096
	// guestConnectionsMax bounds connections of guests (self-signed, may only enrol) among them.
	guestConnectionsMax = 64

	// peerStreamsMax bounds the streams of one peer that are being served at once. It is QUIC's own limit: whoever opens
	// more waits until a handler has returned.
	peerStreamsMax = 1024
	// guestStreamsMax bounds them for a guest; further ones are reset.
	guestStreamsMax = 8
	// preAuthStreamsMax is the number of streams a dialler may open before it is authenticated: exchange and control.
	preAuthStreamsMax = 2

	// streamWindowBytes and connWindowBytes are the first receive windows; the latter is all an unauthenticated peer
	// can make us buffer. They grow up to the Max values as fast as an authenticated peer's data is consumed.
	streamWindowBytes    = 128 << 10
	connWindowBytes      = 256 << 10
	streamWindowMaxBytes = 6 << 20
	connWindowMaxBytes   = 15 << 20

	// datagramPayloadMax is the longest payload of SendDatagram: it fits the smallest QUIC packet with all overheads.
	datagramPayloadMax = 1100
	// datagramQueueMax bounds sealed datagrams waiting in one connection; further ones are dropped and counted.
	datagramQueueMax = 256
	// datagramsPerDialMax bounds datagrams waiting for a connection that is being dialled.
	datagramsPerDialMax = 32
	// paddedPingBytes makes the packet of a padding datagram longer than the 42 bytes below which QUIC sends no reset.
	paddedPingBytes = 48

	// controlMessageMax bounds the body of a control message.
	controlMessageMax = 320
	// advertiseMax bounds the address a peer may claim in its hello.
	advertiseMax = 255
	// openAttemptsMax bounds how often OpenStream moves to another connection when the one it got has just ended.
	openAttemptsMax = 3
	// acceptQueueMax bounds streams and packets handed to raft and memberlist but not yet taken by them.
	acceptQueueMax = 256
)
