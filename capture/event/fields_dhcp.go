package event

// Fields of DHCP messages (package capture/proto/dhcp). Times are seconds.
const (
	DHCPType        = "fengsui.dhcp.type" // request, reply
	DHCPID          = "fengsui.dhcp.id"
	DHCPClientMAC   = "fengsui.dhcp.client_mac"
	DHCPAssignedIP  = "fengsui.dhcp.assigned_ip"
	DHCPClientIP    = "fengsui.dhcp.client_ip"
	DHCPRelayIP     = "fengsui.dhcp.relay_ip"
	DHCPNextServer  = "fengsui.dhcp.next_server_ip"
	DHCPMessageType = "fengsui.dhcp.dhcp_type" // discover, offer, …
	DHCPClientID    = "fengsui.dhcp.client_id"
	DHCPHostname    = "fengsui.dhcp.hostname"
	DHCPDomain      = "fengsui.dhcp.domain"
	DHCPRequestedIP = "fengsui.dhcp.requested_ip"
	DHCPServerID    = "fengsui.dhcp.server_id"
	DHCPLeaseTime   = "fengsui.dhcp.lease_time"
	DHCPRenewal     = "fengsui.dhcp.renewal_time"
	DHCPRebinding   = "fengsui.dhcp.rebinding_time"
	DHCPSubnetMask  = "fengsui.dhcp.subnet_mask"
	DHCPRouters     = "fengsui.dhcp.routers"
	DHCPDNSServers  = "fengsui.dhcp.dns_servers"
	DHCPVendorClass = "fengsui.dhcp.vendor_class_identifier"
	DHCPParams      = "fengsui.dhcp.params" // option numbers the client asks for
	DHCPMessage     = "fengsui.dhcp.message"
	DHCPBootFile    = "fengsui.dhcp.boot_file"
)
