// Package source is where frames come from: capture files and live interfaces.
//
// # Files
//
// Classic pcap of both byte orders and both time resolutions, and pcapng with any number of interfaces; plain or
// compressed with gzip, zstd or lz4, which their first bytes tell. Several files, and directories of them, are read as
// one: packets come in the order of their time stamps (PcapFiles). A tcpdump expression chooses packets.
//
// The readers are our own: they hand out frames in place, never trust a length before the bytes are there, name the
// offset at which a file goes wrong, keep what stands before a truncated last packet, and refuse link types by name
// before the first frame (IEEE 802.11 among them).
//
// # Interfaces
//
// AF_PACKET with a memory-mapped ring (TPACKET_V3, Linux), one ring for each worker: the kernel spreads flows over them
// by a hash that is the same both ways, applies the filter, and counts for each ring what it had no room for. VLAN tags,
// which the kernel keeps beside the packet, are put back in front of the type. Built with the tag libpcap, Libpcap
// captures through that library where there is no AF_PACKET.
//
// Where several rings share an interface the kernel puts IP fragments together before it chooses a ring: what is odd about
// fragments (overlaps) is then seen in files and by a single ring only.
//
// A Source delivers frames in order from one goroutine, the caller's of Run, and stops when its context is cancelled. It
// returns errors and never retries: supervising is the caller's. A frame's bytes are reused for the next frame.
//
// Frames without data move the clock only: a live source sends one each second while nothing arrives, so that flows end.
//
// # Limits
//
// A record of a file: 256 KiB; a pcapng block: 16 MiB, interfaces of a section: 4096; zstd window: 64 MiB; files in a
// directory: 65536, read side by side: 64. A ring: LiveOptions.
//
// # Sketch
//
// Reading a file costs a copy into the read buffer and 20 to 30 ns a packet; no allocation. A ring costs about 60 ns a
// packet and no copy.
//
// Concurrency: Run belongs to one goroutine; Counters may be called by any and lag behind Run by at most 63 frames (a
// block, live) until it returns.
package source
