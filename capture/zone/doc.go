// Package zone tells where in the network a flow begins and ends: which zone its two addresses are in, and whether it
// passes a boundary (north-south) or stays inside (east-west).
//
// A zone has a name, a kind and members: networks, VLANs, and network identifiers (VNI) of VXLAN or GENEVE tunnels.
//
//   - boundary: where the site meets others: address ranges of its public services, the link to the province.
//   - management: from where it is run. Traffic from or to it is told apart from everything else.
//   - in-vpc: one virtual private cloud, or one segment of a site without clouds.
//   - inter-vpc: a transit network between them.
//
// # Membership
//
// An address is in the zone whose network contains it with the longest prefix. A zone that has networks and tags claims
// its networks only in packets with one of its tags (two clouds may use the same addresses), and goes before zones
// without tags. A zone that has only tags claims whatever addresses of such packets no network claims. The innermost
// VLAN and the VNI of the tunnel a packet was inside count; a VNI goes before a VLAN. What nobody claims is outside.
//
// # Class of a flow
//
// management when either end is, else boundary when either end is a boundary or outside, else inter-vpc when either end
// is a transit network or the ends are in different zones, else in-vpc. The first two are north-south, the others
// east-west (D-6.4.1). A flow with both ends outside has no class.
//
// It does not say what is allowed between zones, and it keeps nothing about flows.
//
// # Limits
//
// 1024 zones, 65536 members, 64 bytes a name. A look-up costs at most 32 (IPv4) or 128 (IPv6) steps.
//
// Concurrency: a Table is immutable. A Sink belongs to one goroutine.
package zone
