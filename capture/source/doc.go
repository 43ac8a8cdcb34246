// Package source is where frames come from: capture files (classic pcap of both byte orders and both time resolutions,
// pcapng; plain or gzip-compressed) and live interfaces (AF_PACKET with a memory-mapped ring, Linux only).
//
// A Source delivers frames in order from one goroutine, the caller's of Run, and stops when its context is cancelled. It
// returns errors and never retries: supervising is the caller's. A frame's bytes are reused for the next frame.
//
// The file readers are our own: they never trust a length before the bytes are there, name the offset at which a file
// goes wrong, keep what stands before a truncated last packet, and refuse link types by name before the first frame.
//
// Frames without data move the clock only: a live source sends one each second while nothing arrives, so that flows end.
//
// Concurrency: Run belongs to one goroutine; Counters may be called by any.
package source
