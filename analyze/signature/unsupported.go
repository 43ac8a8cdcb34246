package signature

// unsupported are keywords of Suricata that are refused here, with the reason an operator reads. Never written.
var unsupported = map[string]string{
	"lua": "scripts in rules are not run", "luajit": "scripts in rules are not run", "luaxform": "scripts in rules are not run",
	"replace": "packets are never rewritten", "rpc": "the ONC RPC header is not parsed",
	"stream_reassembly": "is no keyword of rules",
	"detect-event":      "the engine raises no events about itself", "nfq_set_mark": "packets are never held",
	"flowvar": "what expressions capture is not kept", "pktvar": "what expressions capture is not kept",
	"hostvar": "hosts have no variables", "ndpi-protocol": "nDPI is not part of this engine", "ndpi-risk": "nDPI is not part of this engine",
}

func unsupportedReason(name string) string {
	if reason, ok := unsupported[name]; ok {
		return reason
	}
	return "keyword is not supported"
}
