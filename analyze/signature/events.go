package signature

import (
	"fengsui/capture/proto/dns"
	"fengsui/capture/proto/http"
	"fengsui/capture/proto/tls"
)

// appEventSet are the events of one protocol that its parser raises.
type appEventSet struct {
	needs *buffer
	names map[string]string // as rules write them, to the parser's name
}

// raises lists names that mean themselves.
func raises(names []string) map[string]string {
	m := make(map[string]string, len(names))
	for _, n := range names {
		m[n] = n
	}
	return m
}

// appEvents are the events rules may ask for: those the parsers of capture/proto raise. Never written.
var appEvents = buildAppEvents()

func buildAppEvents() map[string]*appEventSet {
	m := map[string]*appEventSet{
		"http": {httpBuffers["http.protocol"], raises(http.Anomalies)},
		"dns":  {dnsWhole, raises(dns.Anomalies)},
		"tls":  {tlsHello, raises(tls.Anomalies)},
	}
	m["dns"].names["not_request"] = "not_a_request" // Suricata knows both spellings
	m["dns"].names["not_response"] = "not_a_response"
	return m
}
