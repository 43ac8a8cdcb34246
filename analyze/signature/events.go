package signature

// appEventSet are the events of one protocol that its parser raises.
type appEventSet struct {
	needs *buffer
	names map[string]string // as rules write them, to the parser's name
}

// raises lists names that mean themselves.
func raises(names ...string) map[string]string {
	m := make(map[string]string, len(names))
	for _, n := range names {
		m[n] = n
	}
	return m
}

// appEvents are the events rules may ask for: those the parsers of capture/proto raise. Never written.
var appEvents = map[string]*appEventSet{
	"http": {httpBuffers["http.protocol"], raises(
		"100_continue_already_seen", "abnormal_ce_header", "double_encoded_uri", "header_host_invalid", "host_header_ambiguous",
		"invalid_content_length_field_in_request", "invalid_content_length_field_in_response", "invalid_request_chunk_len",
		"invalid_response_chunk_len", "invalid_request_field_folding", "invalid_response_field_folding",
		"invalid_transfer_encoding_value_in_request", "method_delim_non_compliant", "missing_host_header", "request_field_missing_colon",
		"request_field_too_long", "request_header_invalid", "request_header_repetition", "request_invalid_protocol", "request_line_incomplete",
		"request_line_leading_whitespace", "request_line_missing_protocol", "request_too_many_headers", "request_uri_host_invalid",
		"response_abnormal_transfer_encoding", "response_chunked_old_proto", "response_field_missing_colon", "response_field_too_long",
		"response_header_invalid", "response_header_repetition", "response_invalid_protocol", "response_invalid_status",
		"response_too_many_headers", "too_many_encoding_layers", "unable_to_match_response_to_request", "uri_delim_non_compliant",
		"request_auth_unrecognized", "request_chunk_extension",
	)},
	"dns": {dnsWhole, map[string]string{
		"malformed_data": "malformed_data", "z_flag_set": "z_flag_set", "invalid_opcode": "invalid_opcode", "infinite_loop": "infinite_loop",
		"name_too_long": "name_too_long", "not_request": "not_request", "not_response": "not_response", "not_a_request": "not_request",
		"not_a_response": "not_response",
	}},
	"tls": {tlsHello, raises(
		"invalid_sslv2_header", "invalid_record_type", "invalid_record_version", "invalid_record_length", "handshake_invalid_length",
		"invalid_client_hello", "invalid_server_hello", "invalid_certificate", "invalid_heartbeat_message", "overflow_heartbeat_message",
	)},
}
