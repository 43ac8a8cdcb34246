package event

// Fields of HTTP/2 beside those of HTTP.
const (
	HTTP2Stream    = "fengsui.http2.stream_id"
	HTTP2ErrorCode = "fengsui.http2.error_code"
	HTTP2Settings  = "fengsui.http2.settings" // NAME=value
)
