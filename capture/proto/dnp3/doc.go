// Package dnp3 reads DNP3 over TCP (IEEE 1815): link frames with their checksums, transport segments put together into
// application fragments, function codes, internal indications and the objects a fragment names.
//
// A transaction is a request with its response, matched by the application's sequence number; an unsolicited response is
// one by itself. Points' values are passed over by their sizes; a group or variation whose size is not known ends the
// reading of a fragment's objects, and says so.
//
// Limits: a fragment 16 KiB (the standard's outstations take 2 KiB), 256 objects a fragment, 64 requests waiting. After a
// gap, or a frame whose checksum is wrong, reading goes on at the next frame. Recognition: a link frame with a right
// checksum, on any port. Concurrency: a parser belongs to the worker of its flow.
package dnp3
