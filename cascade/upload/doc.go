// Package upload brings a site's records to its parent: the outbox and
// everything received from below (one table), the client that drains it upward,
// the server that takes it in.
//
// # What it guarantees
//
// A record that [Writer.Append] reported has a sequence number in its lane
// (origin, epoch, class), counted from 1 without holes. Every site above commits
// each sequence of each lane once and in order; an acknowledgement is sent only
// after that commit. A batch sent twice is recognised for ever by the high-water
// mark that lies in the same transaction as the records.
//
// # API
//
//	NewTable() *Table                                  // kinds 200–203; fsm.Spec{Name: "upload", Kinds: upload.Kinds(), Table: …}
//	NewWriter(WriterConfig) (*Writer, error)           // Append(ctx, []*wire.Record) ([]Position, error): own records
//	NewClient(ClientConfig) (*Client, error)           // Run(ctx) error: blocks, reconnects, nil when ctx ends; Stats()
//	NewServer(ServerConfig) (*Server, error)           // Serve(ctx, conn, peer) error: one session; Stats()
//	view.go: Lanes, LaneOf, Scan, Latest, Tail, Balance // on a read transaction's bucket; Stored.Record(sealer) opens a payload
//
// Ports the node supplies: [Ledger] (View, Watch), [Proposer], [Sealer].
// Clients run on the site's leader only: two would be correct but waste work.
//
// # What it does not do
//
// It never looks into a payload, never opens a connection (Open hands it one),
// and decides nothing about what may cross: that comes before Append. Pruning
// under a quota, with gap records, comes with a later issue; the lane state has
// its place.
//
// # Concurrency
//
// All methods may be called from any goroutine. A Client owns one goroutine per
// class and one that commits acknowledgements; Run waits for them. A Server
// session owns two; Serve waits for them. Table.Apply is called by the state
// machine alone.
//
// # Layout on disk (one bucket, flat keys, big endian)
//
//	'l' class(1) n(1) origin(n) epoch(4)              lane: high(8) delivered(8) shed(8) bytes(8) at(8)
//	'r' n(1) origin(n) epoch(4) class(1) seq(8)       record: see stored.go
//	'i' id(16)                                        own record: epoch(4) class(1) seq(8)
//	'o'                                               own site: epoch(4) n(1) origin(n)
package upload
