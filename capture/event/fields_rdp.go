package event

// KindRDP is the beginning of a remote desktop session.
const KindRDP Kind = "rdp"

// Fields of RDP sessions ([MS-RDPBCGR]).
const (
	RDPCookie           = "fengsui.rdp.cookie"              // mstshash: usually the user's name
	RDPToken            = "fengsui.rdp.routing_token"       // of a load balancer
	RDPRequested        = "fengsui.rdp.requested_protocols" // besides standard RDP security
	RDPProtocol         = "fengsui.rdp.protocol"            // agreed on: rdp, ssl, hybrid, rdstls, hybrid_ex, aad
	RDPError            = "fengsui.rdp.error_code"          // why negotiation failed
	RDPServerSupports   = "fengsui.rdp.server_supports"
	RDPClientVersion    = "fengsui.rdp.client.version"
	RDPClientName       = "fengsui.rdp.client.client_name"
	RDPClientBuild      = "fengsui.rdp.client.build"
	RDPClientProductID  = "fengsui.rdp.client.product_id"
	RDPDesktopWidth     = "fengsui.rdp.client.desktop_width"  // pixels
	RDPDesktopHeight    = "fengsui.rdp.client.desktop_height" // pixels
	RDPColorDepth       = "fengsui.rdp.client.color_depth"    // bits
	RDPKeyboardLayout   = "fengsui.rdp.client.keyboard_layout"
	RDPKeyboardType     = "fengsui.rdp.client.keyboard_type"
	RDPChannels         = "fengsui.rdp.channels"
	RDPServerVersion    = "fengsui.rdp.server.version"
	RDPEncryptionMethod = "fengsui.rdp.server.encryption_method"
	RDPEncryptionLevel  = "fengsui.rdp.server.encryption_level"
)
