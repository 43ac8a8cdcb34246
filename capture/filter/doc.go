// Package filter compiles tcpdump's filter expressions (pcap-filter(7)) to classic BPF programs, in Go alone: the kernel
// runs them for live capture, Program.Match runs them over frames of files.
//
// It owns the language, the code and the machine. It reads no packet beyond the offsets an expression names, looks up no
// names in DNS (a filter that means something else tomorrow is no filter), and knows services by a short table.
//
// Understood: host, net, port, portrange, proto with src, dst, "src or dst" and "src and dst"; ether host, ether proto;
// ip, ip6, arp, rarp, tcp, udp, sctp, icmp, icmp6, igmp, pim, vrrp, ah, esp and others; broadcast and multicast; less,
// greater; vlan, mpls, pppoed, pppoes (each moves the offsets of what follows, as in tcpdump); arithmetic over
// proto[offset:size] and len with + - * / % & | ^ << >> and the named constants (tcpflags, tcp-syn, icmptype, …);
// and, or, not, parentheses, qualifiers carried over ("port 80 or 443"). and and or bind equally strong, from the left,
// as they do in tcpdump.
//
// Refused by name, because they need what a packet does not tell or what nobody captures here: gateway, protochain,
// "ip broadcast", IEEE 802.11, ATM, LLC, PF, geneve and vxlan (the decoder looks into tunnels, a filter on ports does for
// capture).
//
// Where tcpdump and its manual differ, the manual is followed: proto[...] is read only where that protocol is, also on the
// right side of an operator; % and ^ bind like * and between | and &; a service name stands for its port over every transport.
//
// # VLAN tags of live interfaces
//
// The kernel takes the outermost tag off a frame before a filter sees it and keeps it beside the packet. With
// Target.Metadata the first vlan of an expression asks there, and "tcp port 80" alone also matches tagged frames; in a
// file the tag stands in the frame, and only "vlan and tcp port 80" does. tcpdump behaves the same way.
//
// # Limits
//
// 16 KiB of text, nesting of 64, 4096 instructions (the kernel's limit).
//
// Concurrency: an Expr and a Program are immutable and may be shared.
package filter
