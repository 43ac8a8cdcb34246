// Package packettest builds packets, conversations and capture files for tests: Ethernet, VLAN, IPv4, IPv6, TCP, UDP and
// ICMP with right checksums, from a few words. It is an obvious, slow second writing of the formats that packet reads, so
// that the two check each other. Nothing outside tests uses it.
package packettest
