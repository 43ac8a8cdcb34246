// Package quic reads the first packets of QUIC connections: versions, and the TLS hellos in Initial packets, whose keys
// follow from the connection ID the client chose (RFC 9001 5.2, RFC 9369, drafts 17 to 34). What is behind the hellos is
// encrypted and not read. Of Google's QUIC (Q043 to Q046) it reads the client's CHLO in clear.
//
// Each packet with a long header is a transaction of one direction, up to the hello of that direction. A hello may be
// spread over several packets: the one that completes it has it. A Retry and a change of version make new keys.
//
// # Limits
//
// 64 KiB and 64 pieces of a hello for each direction; 16 packets in a datagram; 64 tags of a CHLO.
package quic
