// Package dht reads messages of BitTorrent's distributed hash table over UDP (BEP 5, for IPv6 BEP 32). Each message is a
// transaction of its own, in its own direction.
//
// Limits: 64 nodes and 64 peers are kept, values nest 8 deep, names and messages 256 bytes. A datagram of a recognised flow
// that cannot be read, or lacks what its type needs, raises malformed_packet.
//
// Recognition: a bencoded dictionary that is the whole datagram and says its type; the port does not matter. It does not
// read the peer protocol over TCP or uTP. Concurrency: a parser belongs to the worker of its flow.
package dht
