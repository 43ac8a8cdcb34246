package event

// KindSIP is a SIP message.
const KindSIP Kind = "sip"

// Fields of SIP; user.name is who logs in, user_agent.original the program.
const (
	SIPMethod       = "fengsui.sip.method"
	SIPURI          = "fengsui.sip.uri"
	SIPVersion      = "fengsui.sip.version"
	SIPRequestLine  = "fengsui.sip.request_line"
	SIPCode         = "fengsui.sip.code"
	SIPReason       = "fengsui.sip.reason"
	SIPResponseLine = "fengsui.sip.response_line"
	SIPFrom         = "fengsui.sip.from"
	SIPTo           = "fengsui.sip.to"
	SIPCallID       = "fengsui.sip.call_id"
	SIPContact      = "fengsui.sip.contact"
	SDPOrigin       = "fengsui.sip.sdp.origin"
	SDPSessionName  = "fengsui.sip.sdp.session_name"
	SDPConnection   = "fengsui.sip.sdp.connection_data"
	SDPMedia        = "fengsui.sip.sdp.media"
)
