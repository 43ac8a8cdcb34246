package dns

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:dns. Never written.
var Anomalies = []string{
	"infinite_loop", "invalid_opcode", "malformed_data", "name_too_long", "not_a_request", "not_a_response", "z_flag_set",
}
