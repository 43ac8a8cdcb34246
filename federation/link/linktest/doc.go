// Package linktest holds what tests of the link and of everything above it need: certificates of small trees of sites,
// an in-memory packet network and a UDP relay that can lose, delay and cut, and a check for goroutines left behind.
//
// It knows packets, not QUIC, and does not import the link itself, so that the link's own tests can use it. Everything
// here belongs to one test and is cleaned up with it. The packet network works inside a testing/synctest bubble.
package linktest
