// Package uplink keeps this node's line to the parent site alive, and opens streams over it.
//
// Any node of the parent site may serve. One connection is held at a time; when it ends, falls silent for two seconds,
// or a caller says that its node does not serve, the next address is tried. Addresses are tried in turn, each a fraction
// of a second after the one before, so a dead node costs little. While the line is cut, handshake packets go out at
// least every 1.6 s, so that service resumes in less than 2 s after the line is back, however long it was cut.
//
// It never sends anything of its own, repeats no call, and knows no cluster: what was in flight when a connection ended
// is the caller's to send again.
//
// # Concurrency
//
// Run is one goroutine that owns the state; during a round of dialling it starts one goroutine an address and waits for
// them before it returns. All other methods may be called from any goroutine, also before Run.
package uplink
