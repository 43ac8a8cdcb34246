// Package spread parts one source over several workers. A flow belongs to one worker, so workers need no locks.
//
// # Who gets a packet
//
// The pair of IP addresses decides, not the ports: an FTP data connection, or the fragments of a datagram, meet the worker of the conversation they
// belong to; an ICMP error goes where the packet it quotes goes; what is inside a tunnel goes by its inner addresses (a mirror that sends everything through one
// VXLAN tunnel is spread all the same; the tunnel's own packets are then counted at several workers). Packets without IP go to the first worker. A pair that
// is seen for the first time goes to the worker that has been given the fewest bytes so far: better balanced than a plain hash, and the
// same on every run. Pairs are told apart by 16 bits of a hash.
//
// # Order
//
// Each worker sees its packets in the order of the source. Workers run ahead of each other by what fits in the queues. Where they share something
// (thresholds by host, bits of hosts) a worker waits until all packets before its own have been judged: Gate. So alerts are those of one
// worker; only their order between flows may differ. At the end of the input workers flush one after the other.
//
// # Limits
//
// A queue holds at most 8 batches of 512 frames or 256 KiB. Nothing is dropped: the source waits, which for files is what one wants. A live
// interface needs no Spread, it has a ring and a worker for each share of the kernel's fanout.
//
// Concurrency: Run uses the calling goroutine to read and one goroutine for each worker; when it returns all have ended.
package spread
