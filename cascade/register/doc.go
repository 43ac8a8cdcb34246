// Package register lets a site join its parent, and a node its site, and keeps
// both known afterwards: invites, enrolment, approval and revocation, the
// heartbeat with its subtree summary, and the link state of every child.
//
// # API
//
//	NewTable() *Table                                  // kinds 100–106; fsm.Spec{Name: "register", Kinds: register.Kinds(), Table: …}
//	FormatToken(*wire.Token) (string, error); ParseToken(string) (*wire.Token, error)   // *TokenError says where
//	VerifyParent(token, now) func([]*identity.Certificate) (identity.Peer, error)       // channel.Config.Verify of an enrolling guest
//	NewServer(ServerConfig) (*Server, error)
//	    Serve(ctx, conn, peer) error                   // one stream: an enrolment or a heartbeat session
//	    Run(ctx) error                                 // blocks: sets links offline whose session died with its node
//	    Invite(ctx, Invitation) (token string, err error)
//	    Approve, Reject, Revoke(ctx, Decision) error   // of a site, or of a node
//	    SetParent(ctx, *wire.Parent) error             // the site's own record of its parent
//	    Allow(peer) error                              // nil for this site's nodes and nodes of approved children
//	Enrol(ctx, EnrolConfig) (*Enrolled, error)         // client; blocks until decided; safe to call again for ever
//	NewHeartbeat(HeartbeatConfig) (*Heartbeat, error)  // client; Run(ctx) error
//	view.go: Members, MemberOf, Invites, ParentOf, Summaries, Subtree
//
// Ports the node supplies: [Ledger], [Proposer], [Issuer] (signs with the site
// key), [Secrets] (seals the site's secrets to a node).
//
// # What it does not do
//
// It holds no key, opens no connection and starts no replication: adding an
// enrolled node to the Raft group is the node's business.
//
// # The token secret
//
// It is in the token only. The table stores verifier = SM3(secret); the
// enrolling side proves it with HMAC-SM3(verifier, transcript), where the
// transcript covers the request and the key the channel authenticated, so the
// proof cannot be used on another channel. See proof.go.
//
// # Concurrency
//
// All methods may be called from any goroutine.
package register
