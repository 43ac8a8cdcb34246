// Package link joins the nodes of the mesh: one UDP socket a node, one QUIC connection a pair of nodes, and inside it
// nothing but SM2-authenticated, SM4-GCM-sealed streams and datagrams.
//
// # What it owns
//
//   - The socket. Listening and dialling share it, so a site opens one UDP port and no more.
//   - The carrier. QUIC's own TLS 1.3 (ephemeral self-signed P-256, ALPN "fengsui/1") proves nothing and is trusted
//     for nothing: the first stream runs gmcrypto/channel, bound to the carrier by its TLS exporter (RFC 9266 style).
//   - One connection a pair. Whoever dialled, both sides open streams on it. Simultaneous dials are settled by the
//     lower key fingerprint; a connection that loses is retired, never cut: its streams run to their end.
//   - Admission. Before the exchange has ended a stranger gets one stream, 256 KiB of window, 3 s, and a place among
//     a bounded number; under load it must first prove its address (QUIC Retry).
//   - Dispatch. Each stream and datagram carries a Kind inside its sealed bytes; a handler and an allow function are
//     registered for each Kind. A handler that panics loses its stream, not the process.
//
// # What it does not do
//
// It does not decide who is trusted (Config.Verify), who may use a kind (allow), or what a stream says. It does not
// retry: a dead connection is an error now, and the next OpenStream dials again. It knows no tree and no cluster.
//
// # On the wire
//
//	client → server  QUIC handshake                          carrier only
//	stream 0         gmcrypto/channel handshake              Binding = exporter("EXPORTER-fengsui-channel", 32)
//	stream 4         control: hello, hello reply, then retire/drained/promote (hello.go), sealed
//	other streams    sealed records; the first plaintext byte is the Kind
//	datagrams        sealed; the first plaintext byte is the Kind; kind 0 is padding that makes a restarted peer answer
//
// # Noticing the dead
//
// A restarted peer answers the first packet longer than 42 bytes with a stateless reset (its key is derived from the
// node key, so it survives the restart); a connection that has been silent for a second is sent such a packet. A new
// instance of a peer that dials in ends the old connections at once. A peer that is killed and stays away is suspect
// after 2 s without a packet: the next OpenStream then dials afresh instead of trusting the old connection, so that a
// line that comes back is used at once. After 5 s of silence the connection ends and every stream on it with an error
// that unwraps to net.ErrClosed.
//
// # Concurrency
//
// All methods of Transport and Stream may be called from any goroutine; a Stream takes one reader and one writer at a
// time, like any net.Conn. A stream handler runs in its own goroutine and owns the stream until it returns, when the
// stream is closed. A datagram handler runs on the connection's receive loop and must not block. Goroutines are
// started by Run (accept, watch), by the acceptance of a connection and by a dial; Close waits for all of them.
// Lock order: Transport.mu before conn.mu; no lock is held while a handler, an allow function or Verify runs.
package link
