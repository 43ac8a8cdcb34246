package dhcp

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"strconv"

	"fengsui/capture/event"
)

// messageTypes is indexed by the message type option (RFC 2132 9.6, 3203, 4388, 6926, 7724) and never written.
var messageTypes = [...]string{
	"", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform", "force_renew", "lease_query", "lease_unassigned",
	"lease_unknown", "lease_active", "bulk_lease_query", "lease_query_done", "active_lease_query", "lease_query_status", "tls",
}

// MessageType returns the name of the message's type, "" when it has none.
func (t *Transaction) MessageType() string {
	b := t.Option(OptMessageType)
	switch {
	case len(b) != 1:
		return ""
	case int(b[0]) < len(messageTypes) && b[0] > 0:
		return messageTypes[b[0]]
	}
	return strconv.Itoa(int(b[0]))
}

// addresses splits an option into addresses.
func addresses(b []byte) []string {
	var list []string
	for ; len(b) >= addressBytes; b = b[addressBytes:] {
		list = append(list, netip.AddrFrom4([4]byte(b[:addressBytes])).String())
	}
	return list
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if t.Reply {
		e.Str(event.DHCPType, "reply")
	} else {
		e.Str(event.DHCPType, "request")
	}
	e.Uint(event.DHCPID, uint64(t.XID))
	e.Str(event.DHCPClientMAC, net.HardwareAddr(t.Hardware).String())
	e.Addr(event.DHCPAssignedIP, t.AssignedIP)
	e.Addr(event.DHCPClientIP, t.ClientIP)
	e.Addr(event.DHCPRelayIP, t.RelayIP)
	e.Addr(event.DHCPNextServer, t.NextServer)
	e.Str(event.DHCPMessageType, t.MessageType())
	for _, o := range [...]struct {
		code uint8
		name string
	}{{OptHostname, event.DHCPHostname}, {OptDomain, event.DHCPDomain}, {OptVendorClass, event.DHCPVendorClass}, {OptMessage, event.DHCPMessage}, {OptBootFile, event.DHCPBootFile}} {
		e.Bytes(o.name, bytes.TrimRight(t.Option(o.code), "\x00"))
	}
	if id := t.Option(OptClientID); len(id) == 7 && id[0] == 1 {
		e.Str(event.DHCPClientID, net.HardwareAddr(id[1:]).String())
	} else {
		e.Str(event.DHCPClientID, hex.EncodeToString(id))
	}
	for _, o := range [...]struct {
		code uint8
		name string
	}{{OptRequestedIP, event.DHCPRequestedIP}, {OptServerID, event.DHCPServerID}, {OptSubnetMask, event.DHCPSubnetMask}} {
		if list := addresses(t.Option(o.code)); len(list) > 0 {
			e.Str(o.name, list[0])
		}
	}
	e.Strs(event.DHCPRouters, addresses(t.Option(OptRouters)))
	e.Strs(event.DHCPDNSServers, addresses(t.Option(OptDNS)))
	for _, o := range [...]struct {
		code uint8
		name string
	}{{OptLeaseTime, event.DHCPLeaseTime}, {OptRenewal, event.DHCPRenewal}, {OptRebinding, event.DHCPRebinding}} {
		if n, ok := t.Number(o.code); ok {
			e.Uint(o.name, uint64(n))
		}
	}
	params := t.Option(OptParams)
	asked := make([]int64, 0, len(params))
	for _, p := range params {
		asked = append(asked, int64(p))
	}
	e.Ints(event.DHCPParams, asked)
}
