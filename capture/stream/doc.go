// Package stream follows TCP sessions and puts their bytes in order. It is our own, not gopacket's: that one registers
// global flags, allocates per segment, and knows neither which bytes the receiver has acknowledged nor what a hostile
// sender may do; those two are what a detector's verdict hangs on.
//
// # What it does
//
// Assembler.Packet takes each TCP packet of a session, checks it against the session's state, windows, sequence and
// acknowledgement numbers and time stamps as the receiving host would, and stores its payload. Bytes become visible only
// once the other side has acknowledged them (the receiver has them then; a segment that never arrived, or that a
// middlebox ate, cannot fool the parser), or when the session ends. The owner pulls: App for the protocol parser, which
// says how much it consumed; Raw for pattern matching, with a look-back over the border of the previous chunk.
//
// # Choices
//
//   - Overlaps: bytes that came first stay, except where a newer segment starts before the stored one: there the newer
//     wins (Novak's "BSD" policy, that of BSD and Windows hosts). Bytes already shown never change. Overlaps with
//     different bytes set EventOverlapDifferent.
//   - Gaps: acknowledged bytes that we never saw are a gap, reported with its size; parsing and matching go on behind it.
//   - SYN with data: kept, used if the SYN/ACK acknowledges it (TCP Fast Open), else dropped.
//   - SYN and SYN/ACK repeated with other numbers: up to four SYN/ACKs are remembered; the client's ACK picks one.
//   - RST closes only when its sequence number lies in the window (RFC 5961); others set EventRSTInvalid.
//   - Segments without ACK in an established session are ignored, as hosts do (RFC 9293 3.10.7.4).
//   - PAWS (RFC 7323 5): old time stamps are refused.
//   - Mid-stream pick-up and one-sided sessions are options, off by default. One-sided: the sender's next
//     sequence number counts as the acknowledgement of what came before.
//
// # Limits
//
// Config: depth per direction (1 MiB), bytes stored per direction (1 MiB), segments out of order per direction (512),
// bytes in total (256 MiB), look-back (512). What does not fit is dropped and counted, and becomes a gap.
//
// # Sketch
//
// 100 000 live sessions with a look-back each: 100 000 × (2 × 512 B + 450 B) = 150 MB. A byte is copied once on its way
// in, out-of-order ones twice.
//
// Concurrency: an Assembler and its Sessions belong to one worker. No clock is read.
package stream
