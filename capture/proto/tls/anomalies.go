package tls

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:tls. Never written.
var Anomalies = []string{
	"certificate_invalid_length", "certificate_missing_element", "certificate_unknown_element", "handshake_invalid_length",
	"heartbeat_message", "invalid_certificate", "invalid_handshake_message", "invalid_heartbeat_message", "invalid_record_length",
	"invalid_record_type", "invalid_record_version", "invalid_sni_length", "invalid_sni_type", "invalid_ssl_record",
	"invalid_sslv2_header", "multiple_sni_extensions", "overflow_heartbeat_message",
}
