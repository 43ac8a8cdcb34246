package registry_test

// shown is one protocol with a capture that shows it.
type shown struct {
	app     string // its name in the rule language
	title   string
	capture string // below ../shared/data, or below capture/ when it begins with "capture/"
	limits  string // what the parser keeps at most
	// tshark counts the same thing with another reader; nil where it has no such count.
	tshark *second
}

// second is a count by tshark that must equal one of ours.
type second struct {
	filter string // display filter
	field  string // its values are counted; "" counts packets
	decode string // -d, where tshark would not know the port
	what   string // what is counted, in words
	// ours counts in an event; nil counts events.
	ours func(e *eventView) int
}

// protocols lists what docs/protocols.md tells. Never written.
var protocols = []shown{
	{
		app: "http", title: "HTTP/1.x", capture: "pcaps/ndpi-WebattackSQLinj.pcap",
		limits: "header 64 KiB; body 100 KiB inspected of each side",
		tshark: &second{filter: "http.request", field: "http.request.method", what: "requests"},
	},
	{
		app: "dns", title: "DNS over UDP and TCP", capture: "pcaps/ndpi-dns-tunnel-iodine.pcap",
		limits: "message 64 KiB; 1000 records of each section; 255 bytes a name",
		tshark: &second{filter: "dns", field: "dns.id", what: "messages"},
	},
	{
		app: "tls", title: "TLS up to 1.3", capture: "pcaps/ndpi-alexa-app.pcapng",
		limits: "handshake message 128 KiB; 16 certificates; 1024 cipher suites",
		tshark: &second{filter: "tls.handshake.type == 1 && tcp", field: "tls.handshake.random", what: "client hellos", ours: has("fengsui.tls.client.ja3_string")},
	},
}
