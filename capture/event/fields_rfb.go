package event

// KindRFB is a remote framebuffer (VNC) session.
const KindRFB Kind = "rfb"

// Fields of RFB sessions.
const (
	RFBClientMajor    = "fengsui.rfb.client_protocol_version.major"
	RFBClientMinor    = "fengsui.rfb.client_protocol_version.minor"
	RFBServerMajor    = "fengsui.rfb.server_protocol_version.major"
	RFBServerMinor    = "fengsui.rfb.server_protocol_version.minor"
	RFBSecurityType   = "fengsui.rfb.authentication.security_type"
	RFBSecurityResult = "fengsui.rfb.authentication.security_result" // OK, FAIL, TOOMANY, UNKNOWN
	RFBShared         = "fengsui.rfb.screen_shared"
	RFBWidth          = "fengsui.rfb.framebuffer.width"  // pixels
	RFBHeight         = "fengsui.rfb.framebuffer.height" // pixels
	RFBBitsPerPixel   = "fengsui.rfb.framebuffer.pixel_format.bits_per_pixel"
	RFBDepth          = "fengsui.rfb.framebuffer.pixel_format.depth"
	RFBName           = "fengsui.rfb.framebuffer.name"
)
