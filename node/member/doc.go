// Package member is what the nodes of one site say to each other beside Raft and gossip: a new node, or one whose address has changed, asks to be
// taken into the cluster.
//
// # On the wire
//
// A stream of link.KindMember carries one request and one reply, each u16 length and JSON, big endian, at most 4 KiB.
//
// # What it does not do
//
// It opens no streams, decides nothing about membership (the ports do), and trusts nobody: the link has authenticated the peer as a node of this
// site, and a node may ask to be taken in only under its own name.
//
// # Concurrency
//
// A Handler serves any number of streams at once.
package member
