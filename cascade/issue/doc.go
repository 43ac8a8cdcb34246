// Package issue sends signed documents (rule sets, indicators, block lists,
// warnings, tasks) down the tree and brings back what every node did with them.
//
// # API
//
//	NewTable() *Table                                  // kinds 300–302; fsm.Spec{Name: "issue", Kinds: issue.Kinds(), Table: …}
//	NewPublisher(PublisherConfig) (*Publisher, error)  // Issue(ctx, Draft) (*wire.Document, error): next version, signed, committed
//	NewServer(ServerConfig) (*Server, error)           // Serve(ctx, conn, peer) error: one child session
//	NewClient(ClientConfig) (*Client, error)           // Run(ctx) error: blocks, reconnects
//	NewReporter(ReporterConfig) (*Reporter, error)     // Report(ctx, Report) error: received, applied, refused(reason), held
//	Concerns(doc, site) bool                           // site lies in a target's subtree: it is to apply the document
//	view.go: Documents, Newest, History, Body, States
//
// Ports the node supplies: [Ledger], [Proposer], [Sealer], [Signer] (the site's
// authority key), [Verifier] (its trust anchors; *identity.Trust is one).
//
// # What it guarantees
//
// A document is committed at a site only when its signature (label
// "fengsui document v1"), its issuer's chain, the issuer's place in this site's
// own path to the root, and its version (newer than held) have been checked. A
// child gets what concerns its subtree and nothing else, live and after any
// interruption. States reach the issuer through every site between.
//
// # What it does not do
//
// It does not read bodies, apply them, or decide about roll-outs.
//
// # Concurrency
//
// All methods may be called from any goroutine.
package issue
