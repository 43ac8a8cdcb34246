// Package policy puts the documents of a site into force on this node: rule sets and indicator lists in the detection engine, block lists in the
// firewall.
//
// # What it guarantees
//
// A document is applied whole or not at all: one rule, indicator or address that cannot be honoured refuses the document, and the reason names
// the first of them. The node then keeps the newest older version it can honour. What is in force follows from the documents alone, so a node
// that restarts, or comes back from a year in the dark, arrives at the same set. Kinds do not wait for each other: a new indicator list does not
// compile the rules again.
//
// A block list may not cut the tree: addresses in Protected (this node, its site, its parent) and prefixes so wide that they could only be a
// mistake refuse it.
//
// # What it does not do
//
// It does not fetch, verify or store documents (cascade/issue does) and tells nobody what it did: the caller reports the verdicts.
//
// # Concurrency
//
// Apply is called by one goroutine at a time; Summary by any.
//
// # Bodies
//
// All bodies are UTF-8 text, at most 64 MiB, plain or compressed with gzip. ruleset: Suricata rules. indicators: see analyze/intel. blocklist: one address
// or prefix a line, "#" starts a comment.
package policy
