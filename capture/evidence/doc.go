// Package evidence keeps the packets behind an alert: each worker records what it sees into a bounded ring of memory, and
// an alert cuts the packets of its flow, before and after, into a pcapng file that any analyst's tool opens.
//
// A Recorder stands in front of a pipeline (Frame) and among its inspectors (first: Packet tells which flow a frame
// belonged to, the tunnel's and the inner one, fragments included). Cut begins a file; it is finished when the flow ends,
// when enough packets or bytes have come, or when packet time has passed the limit. Finished cuts go to the Store, whose
// one goroutine writes them and removes the oldest files when there are too many; the worker never waits for a disk.
//
// # Files
//
// <alert id>.pcapng: a section whose comment is the alert, an interface for each link type, then the packets in the order
// they came, with nanoseconds; the packet on which the alert was raised carries the alert as its comment too. Names sort
// by time, because alert ids do. A file appears under its name only when it is whole. An alert that repeats in its flow while the first one's cut is open
// joins that file (one more comment), and Cut says which file that is.
//
// # Limits
//
// Ring: 32 MiB for each worker; a cut: 64 packets and 256 KiB before, 1000 packets and 1 MiB in all, 60 s before, 30 s
// after; open cuts: 256 a worker, beyond that an alert gets no file and Refused counts it; comments: 16 of 1 KiB; queue
// to the disk: 256 cuts and 64 MiB, beyond that Lost counts; store: 10000 files, 1 GiB, oldest first. All configurable.
//
// It does not judge, and it does not sign: what must hold before a court is sealed by the node above (node/exchange).
// Files are not forced to the disk one by one: a power cut may cost the last ones.
//
// # Sketch
//
// A frame costs one copy and about 20 ns; memory is the ring and 56 bytes for each frame in it.
//
// Concurrency: a Recorder belongs to its worker. A Store may be used by any goroutine.
package evidence
