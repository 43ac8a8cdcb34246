package cluster

import (
	"time"

	"fengsui/federation/fsm"
)

const (
	groupsInFlight     = 8                    // groups of callers between proposer and commit
	callCommandsMax    = 4096                 // commands of one Propose call
	callBytesMax       = fsm.EntryBytesMax    // encoded bytes of one Propose call
	frameBytesMax      = callBytesMax + 1<<20 // one message of the forward protocol
	frameEagerBytesMax = 64 << 10             // allocated before a frame's bytes have arrived
	textBytesMax       = 1024                 // an error text or an address on the wire
	serversMax         = 64                   // servers in one answer

	// appendEntriesMax is how many entries raft sends, stores and applies at once. The worst
	// message, 16 entries of 17 MiB, must pass a slow link within transportWait.
	appendEntriesMax = 16
	logCacheEntries  = 128 // recent entries kept in memory for followers that keep up
	snapshotsKept    = 2
	trailingMin      = 256    // entries always kept after a snapshot
	trailingMax      = 20_480 // entries never kept beyond

	enqueueWait   = 5 * time.Second       // for raft to take an entry
	forwardWait   = 15 * time.Second      // for the leader to answer a forwarded call
	progressWait  = 2 * time.Second       // for a new node to say how far it is
	requestWait   = 10 * time.Second      // for a peer to send its whole request
	roundWait     = 5 * time.Second       // for one verification of leadership
	retryPause    = 25 * time.Millisecond // between attempts while the leader is unsettled
	drainWait     = 1 * time.Second       // for entries in flight when stopping
	stopWait      = 15 * time.Second      // for raft to end
	transportWait = 10 * time.Second      // raft's deadline for one message
	keepInterval  = 1 * time.Second       // disk space and log size are looked at this often
)
