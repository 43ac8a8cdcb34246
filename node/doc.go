// Package node is the program: it joins capture, analyze, cascade and federation into one node of one site, starts it and stops it.
//
// Read it in this order: node.go (what a node is made of), start.go (the order things start in), stop.go (the order they stop in, with budget
// and reason), then the wire_*.go files, each of which joins two rooms and nothing else:
//
//	wire_federation.go  link, Raft, gossip and the state machine: the site's ledger
//	wire_cascade.go     register, upload, issue and query: the parent and the children
//	wire_analyze.go     engine, documents, alerts: what is judged and where it goes
//	wire_capture.go     sources and replays
//	wire_api.go         the local API's ports
//
// What it deliberately does not do: no detection, no protocol, no storage of its own; what is worth testing alone has a package below.
//
// Concurrency: Run owns every goroutine a node has and returns when all have ended.
package node
