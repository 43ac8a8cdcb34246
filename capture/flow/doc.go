// Package flow keeps the table of conversations: which packets belong together, who began, how much each side sent, and
// when the conversation is over.
//
// A flow's key is symmetric: both directions hash to the same flow, also across workers (Key.Hash). VLAN tags and tunnel
// depth are part of it. ICMP echo requests and replies share a flow, and an ICMP "unreachable" belongs to the flow whose
// packet it quotes. The client is the side that sent the first packet, except that a SYN/ACK's sender is the server.
//
// Time is packet time. A flow ends when its state's timeout passes between packets, when a new TCP connection begins on
// its addresses and ports, when the table is full (the flow idle for longest goes first) or when the input ends. The
// table calls back once for each end; the Flow is reused afterwards.
//
// The package does not put streams together (stream) and does not recognise protocols (proto); it stores their results.
//
// # Sketch
//
// A flow takes some 450 bytes, its TCP session about as much: 200 000 flows (the default bound) are 180 MB at worst.
// Finding one costs a hash of six words and a walk over a chain of about one.
//
// Concurrency: a Table and its Flows belong to one worker.
package flow
