// Package lab is the bad network we test on: a UDP relay that stands between a site and its parent and cuts, delays, loses,
// reorders and repeats what passes, because kernel netem is not everywhere and a demo must not need root.
//
// A [Relay] has one front (a local UDP address) for each target. Whoever sends to a front is given a socket of its own towards
// the target, as an address translator would do, and what comes back there goes back to the sender. Both directions pass the
// same faults. Decisions come from a seeded generator in the order packets arrive: the same packets in the same order meet the
// same fate.
//
// It moves bytes and understands none of them. It is not a firewall, a proxy for production, or fast: every packet is copied.
//
// Concurrency: all methods are safe from any goroutine. Run owns every goroutine and waits for them.
package lab
