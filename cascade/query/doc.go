// Package query carries a question down the tree and merges the answers on the
// way up, by the deadline, with a list that says for every site of the subtree
// how complete its part is.
//
// # API
//
//	NewHub(HubConfig) (*Hub, error)
//	    Serve(ctx, conn, peer) error                   // a child's open session, or a question from a node of this site
//	    Ask(ctx, *wire.Query) (*Answer, error)         // local Searcher + all children; ctx's deadline or Query.remaining_ms
//	    Attached() []identity.Site                     // children whose session this node holds
//	NewClient(ClientConfig) (*Client, error)           // Run(ctx) error: keeps a session to the parent open and answers with the Hub
//
// Ports the node supplies: [Searcher] (this site's own records), Known (the
// sites of the subtree and where they hang), and, for sites of several nodes,
// Locate and Forward (which node holds a child's session, and a stream to it).
//
// # What it does not do
//
// It does not understand expressions and keeps no state in the ledger. A site counts as
// answered when it has looked through all its records, also when the limit cuts the rows it
// returns: matched then says how many there are.
//
// # Concurrency
//
// All methods may be called from any goroutine.
package query
