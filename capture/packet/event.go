package packet

// Event is one malformation or oddity found while decoding. The zero value means none.
type Event uint8

// Decode events. Their order is internal; their names (String) are those of the rule language.
const (
	EventNone Event = iota
	EventLinkUnsupported
	EventEthernetTooSmall
	EventEthernetUnknownType
	EventVLANTooSmall
	EventVLANUnknownType
	EventVLANTooManyLayers
	EventSLLTooSmall
	EventSLL2TooSmall
	EventNullTooSmall
	EventNullUnsupported
	EventPPPTooSmall
	EventPPPUnsupported
	EventPPPWrongType
	EventPPPoETooSmall
	EventPPPoEWrongCode
	EventPPPoEMalformedTags
	EventCHDLCTooSmall
	EventMPLSTooSmall
	EventMPLSUnknownPayload
	EventNSHTooSmall
	EventNSHUnknownPayload
	EventRawInvalidVersion
	EventIPv4TooSmall
	EventIPv4WrongVersion
	EventIPv4HeaderTooSmall
	EventIPv4LenBelowHeader
	EventIPv4Truncated
	EventIPv4OptInvalid
	EventIPv4OptInvalidLen
	EventIPv4OptMalformed
	EventIPv4OptDuplicate
	EventIPv4OptUnknown
	EventIPv4OptEOLRequired
	EventIPv4OptPadRequired
	EventIPv4WithICMPv6
	EventIPv4FragTooLarge
	EventIPv4FragOverlap
	EventIPv4FragIgnored
	EventIPv6TooSmall
	EventIPv6WrongVersion
	EventIPv6Truncated
	EventIPv6ExtTruncated
	EventIPv6ExtTooMany
	EventIPv6ExtDuplicateFH
	EventIPv6ExtUselessFH
	EventIPv6ExtDuplicateRH
	EventIPv6ExtDuplicateHH
	EventIPv6ExtDuplicateDH
	EventIPv6ExtDuplicateAH
	EventIPv6ExtDuplicateEH
	EventIPv6ExtAHReserved
	EventIPv6ExtInvalidOptLen
	EventIPv6HopUnknownOpt
	EventIPv6HopOnlyPadding
	EventIPv6DstUnknownOpt
	EventIPv6DstOnlyPadding
	EventIPv6ZeroLenPadN
	EventIPv6RHType0
	EventIPv6FHReserved
	EventIPv6DataAfterNone
	EventIPv6UnknownNext
	EventIPv6WithICMPv4
	EventIPv6FragTooLarge
	EventIPv6FragOverlap
	EventIPv6FragInvalidLen
	EventIPv6FragIgnored
	EventTCPTooSmall
	EventTCPHeaderTooSmall
	EventTCPInvalidOptLen
	EventTCPOptInvalidLen
	EventTCPOptDuplicate
	EventTCPWScaleOverMax
	EventUDPTooSmall
	EventUDPHeaderTooSmall
	EventUDPLenInvalid
	EventICMPTooSmall
	EventICMPUnknownType
	EventICMPUnknownCode
	EventICMPv6TooSmall
	EventICMPv6UnknownType
	EventICMPv6UnknownCode
	EventICMPv6Unassigned
	EventICMPv6Experimental
	EventICMPv6MLDHopLimit
	EventGRETooSmall
	EventGREWrongVersion
	EventGREHeaderTooBig
	EventVXLANUnknownPayload
	EventGeneveUnknownPayload
	EventTunnelTooDeep
	EventIPv4InIPv6TooSmall
	EventIPv4InIPv6Version
	EventIPv6InIPv6TooSmall
	EventIPv6InIPv6Version
	EventPPPVJUTooSmall
	EventPPPIPv4TooSmall
	EventPPPIPv6TooSmall
	EventMPLSPacketTooSmall
	EventMPLSRouterAlert
	EventMPLSImplicitNull
	EventMPLSReserved
	EventNSHVersion
	EventNSHLength
	EventNSHReservedType
	EventNSHUnsupportedType
	EventVNTagTooSmall
	EventVNTagUnknownType
	EventIEEE8021ahTooSmall
	EventDCETooSmall
	EventARPTooSmall
	EventARPHardware
	EventARPProtocol
	EventARPInvalid
	EventARPHardwareSize
	EventARPProtocolSize
	EventARPOpcode
	EventSCTPTooSmall
	EventESPTooSmall
	EventICMPEmbeddedTruncated
	EventICMPEmbeddedVersion
	EventICMPv6EmbeddedTruncated
	EventICMPv6EmbeddedVersion
	EventGREv0Recursion
	EventGREv0Flags
	EventGREv0Route
	EventGREv1Checksum
	EventGREv1Routing
	EventGREv1StrictRoute
	EventGREv1Recursion
	EventGREv1Flags
	EventGREv1NoKey
	EventGREv1Protocol
	EventGREv1HeaderTooBig
	EventERSPANTooSmall
	EventERSPANVersion
	EventERSPANVLANLayers
	EventCount // not an event: how many there are
)

// eventNames is indexed by Event and never written.
var eventNames = [EventCount]string{
	EventNone:            "none",
	EventLinkUnsupported: "link.unsupported", EventEthernetTooSmall: "ethernet.pkt_too_small",
	EventEthernetUnknownType: "ethernet.unknown_ethertype",
	EventVLANTooSmall:        "vlan.header_too_small", EventVLANUnknownType: "vlan.unknown_type", EventVLANTooManyLayers: "vlan.too_many_layers",
	EventSLLTooSmall: "sll.pkt_too_small", EventSLL2TooSmall: "sll2.pkt_too_small",
	EventNullTooSmall: "ltnull.pkt_too_small", EventNullUnsupported: "ltnull.unsupported_type",
	EventPPPTooSmall: "ppp.pkt_too_small", EventPPPUnsupported: "ppp.unsup_proto", EventPPPWrongType: "ppp.wrong_type",
	EventPPPoETooSmall: "pppoe.pkt_too_small", EventPPPoEWrongCode: "pppoe.wrong_code", EventPPPoEMalformedTags: "pppoe.malformed_tags",
	EventCHDLCTooSmall: "chdlc.pkt_too_small",
	EventMPLSTooSmall:  "mpls.header_too_small", EventMPLSUnknownPayload: "mpls.unknown_payload_type",
	EventNSHTooSmall: "nsh.header_too_small", EventNSHUnknownPayload: "nsh.unknown_payload",
	EventRawInvalidVersion: "ipraw.invalid_ip_version",
	EventIPv4TooSmall:      "ipv4.pkt_too_small", EventIPv4WrongVersion: "ipv4.wrong_ip_version", EventIPv4HeaderTooSmall: "ipv4.hlen_too_small",
	EventIPv4LenBelowHeader: "ipv4.iplen_smaller_than_hlen", EventIPv4Truncated: "ipv4.trunc_pkt",
	EventIPv4OptInvalid: "ipv4.opt_invalid", EventIPv4OptInvalidLen: "ipv4.opt_invalid_len", EventIPv4OptMalformed: "ipv4.opt_malformed",
	EventIPv4OptDuplicate: "ipv4.opt_duplicate", EventIPv4OptUnknown: "ipv4.opt_unknown",
	EventIPv4OptEOLRequired: "ipv4.opt_eol_required", EventIPv4OptPadRequired: "ipv4.opt_pad_required",
	EventIPv4WithICMPv6: "ipv4.icmpv6", EventIPv4FragTooLarge: "ipv4.frag_pkt_too_large", EventIPv4FragOverlap: "ipv4.frag_overlap",
	EventIPv4FragIgnored: "ipv4.frag_ignored",
	EventIPv6TooSmall:    "ipv6.pkt_too_small", EventIPv6WrongVersion: "ipv6.wrong_ip_version", EventIPv6Truncated: "ipv6.trunc_pkt",
	EventIPv6ExtTruncated: "ipv6.trunc_exthdr", EventIPv6ExtTooMany: "ipv6.too_many_exthdr",
	EventIPv6ExtDuplicateFH: "ipv6.exthdr_dupl_fh", EventIPv6ExtUselessFH: "ipv6.exthdr_useless_fh",
	EventIPv6ExtDuplicateRH: "ipv6.exthdr_dupl_rh", EventIPv6ExtDuplicateHH: "ipv6.exthdr_dupl_hh",
	EventIPv6ExtDuplicateDH: "ipv6.exthdr_dupl_dh", EventIPv6ExtDuplicateAH: "ipv6.exthdr_dupl_ah",
	EventIPv6ExtDuplicateEH: "ipv6.exthdr_dupl_eh", EventIPv6ExtAHReserved: "ipv6.exthdr_ah_res_not_null",
	EventIPv6ExtInvalidOptLen: "ipv6.exthdr_invalid_optlen",
	EventIPv6HopUnknownOpt:    "ipv6.hopopts_unknown_opt", EventIPv6HopOnlyPadding: "ipv6.hopopts_only_padding",
	EventIPv6DstUnknownOpt: "ipv6.dstopts_unknown_opt", EventIPv6DstOnlyPadding: "ipv6.dstopts_only_padding",
	EventIPv6ZeroLenPadN: "ipv6.zero_len_padn", EventIPv6RHType0: "ipv6.rh_type_0", EventIPv6FHReserved: "ipv6.fh_non_zero_reserved_field",
	EventIPv6DataAfterNone: "ipv6.data_after_none_header", EventIPv6UnknownNext: "ipv6.unknown_next_header", EventIPv6WithICMPv4: "ipv6.icmpv4",
	EventIPv6FragTooLarge: "ipv6.frag_pkt_too_large", EventIPv6FragOverlap: "ipv6.frag_overlap",
	EventIPv6FragInvalidLen: "ipv6.frag_invalid_length", EventIPv6FragIgnored: "ipv6.frag_ignored",
	EventTCPTooSmall: "tcp.pkt_too_small", EventTCPHeaderTooSmall: "tcp.hlen_too_small", EventTCPInvalidOptLen: "tcp.invalid_optlen",
	EventTCPOptInvalidLen: "tcp.opt_invalid_len", EventTCPOptDuplicate: "tcp.opt_duplicate", EventTCPWScaleOverMax: "tcp.opt_wscale_over_max",
	EventUDPTooSmall: "udp.pkt_too_small", EventUDPHeaderTooSmall: "udp.hlen_too_small", EventUDPLenInvalid: "udp.len_invalid",
	EventICMPTooSmall: "icmpv4.pkt_too_small", EventICMPUnknownType: "icmpv4.unknown_type", EventICMPUnknownCode: "icmpv4.unknown_code",
	EventICMPv6TooSmall: "icmpv6.pkt_too_small", EventICMPv6UnknownType: "icmpv6.unknown_type", EventICMPv6UnknownCode: "icmpv6.unknown_code",
	EventICMPv6Unassigned: "icmpv6.unassigned_type", EventICMPv6Experimental: "icmpv6.experimentation_type",
	EventICMPv6MLDHopLimit: "icmpv6.mld_message_with_invalid_hl",
	EventGRETooSmall:       "gre.pkt_too_small", EventGREWrongVersion: "gre.wrong_version", EventGREHeaderTooBig: "gre.version0_hdr_too_big",
	EventVXLANUnknownPayload: "vxlan.unknown_payload_type", EventGeneveUnknownPayload: "geneve.unknown_payload_type",
	EventTunnelTooDeep:      "too_many_layers",
	EventIPv4InIPv6TooSmall: "ipv6.ipv4_in_ipv6_too_small", EventIPv4InIPv6Version: "ipv6.ipv4_in_ipv6_wrong_version",
	EventPPPVJUTooSmall:          "ppp.vju_pkt_too_small",
	EventPPPIPv4TooSmall:         "ppp.ip4_pkt_too_small",
	EventPPPIPv6TooSmall:         "ppp.ip6_pkt_too_small",
	EventMPLSPacketTooSmall:      "mpls.pkt_too_small",
	EventMPLSRouterAlert:         "mpls.bad_label_router_alert",
	EventMPLSImplicitNull:        "mpls.bad_label_implicit_null",
	EventMPLSReserved:            "mpls.bad_label_reserved",
	EventNSHVersion:              "nsh.unsupported_version",
	EventNSHLength:               "nsh.bad_header_length",
	EventNSHReservedType:         "nsh.reserved_type",
	EventNSHUnsupportedType:      "nsh.unsupported_type",
	EventVNTagTooSmall:           "vntag.header_too_small",
	EventVNTagUnknownType:        "vntag.unknown_type",
	EventIEEE8021ahTooSmall:      "ieee8021ah.header_too_small",
	EventDCETooSmall:             "dce.pkt_too_small",
	EventARPTooSmall:             "arp.pkt_too_small",
	EventARPHardware:             "arp.unsupported_hardware",
	EventARPProtocol:             "arp.unsupported_protocol",
	EventARPInvalid:              "arp.invalid_pkt",
	EventARPHardwareSize:         "arp.invalid_hardware_size",
	EventARPProtocolSize:         "arp.invalid_protocol_size",
	EventARPOpcode:               "arp.unsupported_opcode",
	EventSCTPTooSmall:            "sctp.pkt_too_small",
	EventESPTooSmall:             "esp.pkt_too_small",
	EventICMPEmbeddedTruncated:   "icmpv4.ipv4_trunc_pkt",
	EventICMPEmbeddedVersion:     "icmpv4.ipv4_unknown_ver",
	EventICMPv6EmbeddedTruncated: "icmpv6.ipv6_trunc_pkt",
	EventICMPv6EmbeddedVersion:   "icmpv6.ipv6_unknown_version",
	EventGREv0Recursion:          "gre.version0_recur",
	EventGREv0Flags:              "gre.version0_flags",
	EventGREv0Route:              "gre.version0_malformed_sre_hdr",
	EventGREv1Checksum:           "gre.version1_chksum",
	EventGREv1Routing:            "gre.version1_route",
	EventGREv1StrictRoute:        "gre.version1_ssr",
	EventGREv1Recursion:          "gre.version1_recur",
	EventGREv1Flags:              "gre.version1_flags",
	EventGREv1NoKey:              "gre.version1_no_key",
	EventGREv1Protocol:           "gre.version1_wrong_protocol",
	EventGREv1HeaderTooBig:       "gre.version1_hdr_too_big",
	EventERSPANTooSmall:          "erspan.header_too_small",
	EventERSPANVersion:           "erspan.unsupported_version",
	EventERSPANVLANLayers:        "erspan.too_many_vlan_layers",
	EventIPv6InIPv6TooSmall:      "ipv6.ipv6_in_ipv6_too_small", EventIPv6InIPv6Version: "ipv6.ipv6_in_ipv6_wrong_version",
}

// String returns the event's name as decode-event takes it ("ipv4.trunc_pkt").
func (e Event) String() string {
	if e < EventCount {
		return eventNames[e]
	}
	return "unknown"
}

// formerNames are names of older rule files. Never written.
var formerNames = map[string]Event{
	"udp.hlen_invalid":               EventUDPLenInvalid,
	"gre.version1_malformed_sre_hdr": EventGREv1Routing, // a version 1 header with routing is refused before its entries are read
	"ipv4.frag.too_large":            EventIPv4FragTooLarge, "ipv4.frag.overlap": EventIPv4FragOverlap,
	"ipv6.frag.too_large": EventIPv6FragTooLarge, "ipv6.frag.overlap": EventIPv6FragOverlap,
}

// ParseEvent finds a decode event by name.
func ParseEvent(name string) (Event, bool) {
	if e, ok := formerNames[name]; ok {
		return e, true
	}
	for e := Event(1); e < EventCount; e++ {
		if eventNames[e] == name {
			return e, true
		}
	}
	return EventNone, false
}

// EventSet is a set of decode events.
type EventSet [3]uint64

// Add puts e into the set.
func (s *EventSet) Add(e Event) { s[e>>6] |= 1 << (e & 63) }

// Has tells whether e is in the set.
func (s *EventSet) Has(e Event) bool { return s[e>>6]&(1<<(e&63)) != 0 }

// Empty tells whether nothing was found.
func (s *EventSet) Empty() bool { return s[0]|s[1]|s[2] == 0 }
