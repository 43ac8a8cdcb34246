// Package member is what the nodes of one site say to each other beside Raft and gossip: a new node asks to be taken into the cluster, and a
// question is handed to the node that holds a child's session.
//
// # On the wire
//
// A stream of link.KindMember begins with one request, u16 length and JSON, big endian, at most 4 KiB. A join is answered by one reply of the
// same form; a handed-over question has no reply of ours: the stream then belongs to cascade/query.
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
