// Package intake carries records from this node's detectors into the site's ledger: a bounded queue, one committer, and a durable spool for the
// time the site has no quorum.
//
// # What it guarantees
//
// The committer proposes what has gathered while the previous proposal was under way (no timer, no linger) and repeats a proposal of unknown
// outcome with the same record ids until the ledger answers. A record taken from Put is committed, or, when the node stops first, in the spool.
// A record offered live is committed, in the spool, or counted as shed because queue and spool were full. A record that waits in the queue's
// memory when the machine dies is gone: it had not been accepted by anyone.
//
// # What it does not do
//
// It does not look into records, does not know who the leader is, and decides nothing about classes.
//
// # Concurrency
//
// Offer and Put may be called by any goroutine. Run owns the spool and is the only one that commits.
//
// # Layout on disk
//
//	<dir>/NNNNNNNN.seg   frames: u32 length, u32 CRC-32C of the rest, sealed(record), big endian
//	<dir>/quarantine/    segments with a damaged middle, kept for a person
//
// A segment is deleted after all of it has been committed. A frame cut short at the end of a segment is a write that a crash interrupted; it
// is dropped and counted.
package intake
