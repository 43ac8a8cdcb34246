package rdp

import "strconv"

// protocolName is the word for a protocol that was agreed on.
func protocolName(n uint32) string {
	switch n {
	case ProtocolRDP:
		return "rdp"
	case ProtocolSSL:
		return "ssl"
	case ProtocolHybrid:
		return "hybrid"
	case ProtocolRDSTLS:
		return "rdstls"
	case ProtocolHybridEx:
		return "hybrid_ex"
	case ProtocolAAD:
		return "aad"
	}
	return strconv.FormatUint(uint64(n), 10)
}

// protocolNames are the words for the bits of a request.
func protocolNames(bits uint32) (names []string) {
	for n := uint32(ProtocolSSL); n <= ProtocolAAD; n <<= 1 {
		if bits&n != 0 {
			names = append(names, protocolName(n))
		}
	}
	return names
}

// supportNames are the words for the flags of an answer ([MS-RDPBCGR] 2.2.1.2.1).
func supportNames(flags uint8) (names []string) {
	for i, name := range [...]string{"extended_client_data", "dynvc_gfx", "", "restricted_admin", "restricted_authentication"} {
		if name != "" && flags&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// failureName is the word for why negotiation failed ([MS-RDPBCGR] 2.2.1.2.2).
func failureName(n uint32) string {
	names := [...]string{
		1: "ssl_required_by_server", 2: "ssl_not_allowed_by_server", 3: "ssl_cert_not_on_server", 4: "inconsistent_flags",
		5: "hybrid_required_by_server", 6: "ssl_with_user_auth_required_by_server",
	}
	if int64(n) < int64(len(names)) {
		return names[n]
	}
	return strconv.FormatUint(uint64(n), 10)
}

// versionName is the word for a client's or server's version ([MS-RDPBCGR] 2.2.1.3.2).
func versionName(n uint32) string {
	switch {
	case n == 0x00080001:
		return "v4"
	case n == 0x00080004:
		return "v5"
	case n >= 0x00080005 && n <= 0x00080014:
		return "v10." + strconv.FormatUint(uint64(n-0x00080005), 10)
	}
	return "0x" + strconv.FormatUint(uint64(n), 16)
}
