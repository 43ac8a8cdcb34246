// Package pipeline joins the stages: one Pipeline is one worker that takes a packet from frame to verdict before it looks
// at the next (run to completion, one owner, no locks).
//
// # Order for each packet
//
//  1. Decode. A packet that cannot be read is counted by reason and shown to inspectors (Packet with f == nil).
//  2. A fragment is shown to inspectors without flow and given to the defragmenter; a completed packet then takes all the
//     steps by itself (p.Rebuilt). A tunnel's inner packet does the same after its outer one.
//  3. Flow: found or made, counted. f.Established() is the state before this packet.
//  4. TCP: the stream takes the packet, unless its checksum is bad and validation is on (such a segment is never used,
//     but still shown to inspectors). Bytes that this packet acknowledges go to the protocol parser first (they are the
//     other direction's), then bytes of its own direction, which become visible only when the session has ended or is
//     one-sided. UDP: the datagram goes to the parser. Transactions advance here.
//  5. Inspectors, each in turn, for the direction of this packet only:
//     Stream, for each new chunk of that direction: when 2560 bytes have gathered, when the parser completed a message,
//     or at the end of the direction;
//     Transaction, for each transaction whose side of that direction advanced, oldest first;
//     Packet.
//     What Stream and Transaction were given stays valid until Packet returns, so an inspector may collect and judge in
//     its own order (Suricata judges packet and stream rules before transaction rules).
//  6. Transactions that are complete on both sides and have been shown become events.
//
// This is Suricata's IDS mode: a request is parsed when the server acknowledges it and judged on the client's next
// packet; what is left is judged when the flow ends, on a pseudo packet (p.Pseudo) for each direction that has something
// left, ToServer first. FlowEnd comes last, then the flow's event.
//
// Flows end by packet time, or when Flush is called at the end of the input. Run calls it.
//
// # Sketch
//
// Without inspectors and sinks the budget is 1 400 ns a packet (700 000 packets/s): decode 50, flow 80, stream 150, the
// rest for parsers. Memory: flow table and streams as their packages say; a parser is 200 B to a few KiB, an HTTP
// transaction holds at most its header (64 KiB) and two bodies (100 KiB each) by default.
//
// Concurrency: everything of a Pipeline belongs to one goroutine, except Stats, which any may call.
package pipeline
