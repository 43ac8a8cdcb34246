// Package nfs reads ONC RPC (RFC 5531) calls of NFS: version 2 (RFC 1094), 3 (RFC 1813), 4.0 and 4.1 (RFC 7530, 8881), over
// TCP with record marking and over UDP.
//
// A transaction is a call with its reply, matched by transaction ID; what a file carries is one transaction for each file
// handle and direction (reads, writes), as in package smb. Read: procedures (of a compound: its operations), file names,
// the user of AUTH_SYS credentials, status; file names of handles are known from lookups, creates and opens seen in the
// flow. Bulk data goes into files as it comes.
//
// A file ends with CLOSE (version 4), COMMIT (writes of version 3), or the end of file a read reports; one that is still
// open when the flow ends is truncated.
//
// Not read: attributes, directory listings, locks, GSS-protected arguments, MOUNT and other RPC programs.
//
// Limits of a flow: 256 calls waiting, 256 handles with names, 64 open files; names 1 KiB, 32 operations of a compound are
// kept; calls are looked at as a whole up to 64 KiB (data of reads and writes goes on beyond), a record of several
// fragments up to 64 KiB. Out-of-order data as in package pieces. After a gap the next plausible record is looked for.
//
// Concurrency: a parser belongs to the worker of its flow.
package nfs

// Anomalies are the names Transaction.Anomalies can hold, those of app-layer-event:nfs. Never written.
var Anomalies = []string{"malformed_data", "too_many_transactions"}

const (
	markBytes  = 4
	wholeMax   = 64 << 10
	pendingMax = 256
	handlesMax = 256
	filesMax   = 64
	nameMax    = 1 << 10
	opsMax     = 32
	handleMax  = 128 // octets of a file handle (RFC 7530 2.1)
	recordMax  = 1 << 30

	program = 100003
)
