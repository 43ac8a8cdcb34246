// Package engine runs detectors over traffic and lets the set of detectors be exchanged while packets flow.
//
// A Ruleset is an immutable list of detectors, built and checked off the packet path. Swap puts another in force; each Worker takes it up between two
// packets. What detectors remember of flows and hosts lives in the flow (flow.Flow.Ext) and in the detector's shared state, so it outlives a swap
// if the new detector was built with the same shared state and names.
//
// The engine knows no detector: whoever builds a Ruleset hands them in. It does no I/O and starts no goroutine.
//
// Concurrency: Engine's methods may be called by any goroutine. A Worker belongs to the one goroutine that owns its flows and has the methods of
// capture's pipeline.Inspector.
package engine
