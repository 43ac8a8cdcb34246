package event

// Fields of NTP messages (package capture/proto/ntp).
const (
	NTPVersion     = "fengsui.ntp.version"
	NTPMode        = "fengsui.ntp.mode"
	NTPLeap        = "fengsui.ntp.leap" // 3: not synchronised
	NTPStratum     = "fengsui.ntp.stratum"
	NTPPoll        = "fengsui.ntp.poll"      // log2 of seconds
	NTPPrecision   = "fengsui.ntp.precision" // log2 of seconds
	NTPReferenceID = "fengsui.ntp.reference_id"
	NTPTransmit    = "fengsui.ntp.transmit_time"
	NTPKeyID       = "fengsui.ntp.key_id"
	NTPOpCode      = "fengsui.ntp.op_code" // of control messages
	NTPRequestCode = "fengsui.ntp.request_code"
	NTPResponse    = "fengsui.ntp.response"
	NTPData        = "fengsui.ntp.data" // of control messages
)
