// Package dns reads DNS messages (RFC 1035 and its additions) over UDP and TCP, and multicast DNS (RFC 6762). Each message
// is a transaction of its own, in its own direction, as rules and Suricata 8 see it.
//
// Names are bytes: labels joined by dots, no trailing dot, unescaped. Compression is followed over at most 128 jumps; a
// name longer than 1024 bytes, or one that loops, is kept as far as it was read and noted as an anomaly. A message whose
// questions can be read but whose records are broken yields what was read.
//
// Recognition: on port 53 a plausible header and questions are enough; elsewhere the whole message must read, to the last
// byte, as one of an ordinary shape.
package dns
