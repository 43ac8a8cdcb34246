package http2

import "fengsui/capture/proto/http"

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:http2; those of bodies
// and headers that package http notes are among them. Never written.
var Anomalies = append([]string{
	"extra_header_data", "failed_decompression", "header_integer_overflow", "invalid_client_magic", "invalid_frame_data",
	"invalid_frame_header", "invalid_frame_length", "invalid_header", "invalid_http1_settings", "invalid_range", "long_frame_data",
	"stream_id_reuse", "too_many_streams", "userinfo_in_uri",
}, http.Anomalies...)
