// Package channel makes a mutually authenticated, encrypted channel with the
// national algorithms over any net.Conn: the SM2 key exchange with key
// confirmation of GB/T 32918.3 between two certificates, then SM4-GCM records
// on any number of streams, and sealed datagrams.
//
// It is meant to run inside a carrier that has its own, non-SM encryption
// (QUIC): a value exported from the carrier is bound into the exchange, so that
// a man in the middle of the carrier is found out. It knows net.Conn, not QUIC.
//
// DESIGN.md beside this file is the protocol: messages byte by byte, key
// schedule, what is attacked and what is not protected, test vectors.
//
// It deliberately does not decide whom to trust (Config.Verify does), nor who
// may do what, opens no connection, closes none but those given to Stream, and
// starts no goroutine that outlives a call.
//
// Concurrency: a Session and its Datagrams are safe for concurrent use. On a
// Conn any number of goroutines may read and write at once; each Write is a
// sequence of whole records, never mixed with another's.
package channel
