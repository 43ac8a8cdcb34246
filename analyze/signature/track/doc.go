// Package track remembers things between packets for rules: how often a rule has matched (thresholds), and the bits set on hosts and host pairs.
//
// Everything is keyed by packet time, never by the clock, so that a capture gives the same result at any speed. Tables are bounded: when one is full,
// entries that have run out are dropped, and if none have, the table is emptied of the oldest half; Evicted counts what was dropped early.
//
// Tables are shared by the workers of one engine, because a source that a threshold counts may have flows on every worker: each has one mutex, held
// for one map operation. The matching path touches them only after a rule has matched.
package track
