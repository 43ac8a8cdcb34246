package tls

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:tls. Never written.
var Anomalies = []string{
	"handshake_invalid_length", "invalid_certificate", "invalid_handshake_message", "invalid_heartbeat_message",
	"invalid_record_length", "invalid_record_type", "invalid_record_version", "invalid_sslv2_header", "overflow_heartbeat_message",
}
