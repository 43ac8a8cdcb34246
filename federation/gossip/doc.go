// Package gossip knows which nodes of this node's own site are alive, and what each says about itself.
//
// It runs memberlist (SWIM) over the link: packets are sealed datagrams, state exchange is sealed streams, and only
// nodes whose certificate is of the same site are let in, so memberlist's own encryption is off. Liveness here is a
// hint for people and for membership decisions; who leads and what is committed is Raft's business.
//
// With the default tuning a site of up to seven nodes converges in well under a second and notices a node that died
// without a word in about three seconds; an orderly Leave is known at once.
//
// # Concurrency
//
// All methods may be called from any goroutine. memberlist calls the delegates with its locks held: they copy, note,
// wake and return. memberlist runs its goroutines from Open to Close; Close stops them but memberlist offers no way to
// wait for the last of them.
//
// # Metadata on the wire
//
//	version(1)=1, then for each of address, version, role: length(1) bytes
//
// at most 512 bytes in all; a reader ignores what follows.
package gossip
