package registry_test

import "fengsui/capture/event"

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
	{
		app: "mdns", title: "Multicast DNS", capture: "pcaps/malcolm-zeek-agenttesla-detector-ac957a2d.pcap",
		limits: "as DNS",
		tshark: &second{filter: "mdns", field: "dns.id", what: "messages"},
	},
	{
		app: "ssh", title: "SSH up to the encrypted part, with HASSH", capture: "pcaps/zeek-ssh-sshguess.pcap",
		limits: "identification 255 bytes; key exchange offer 32 KiB",
		tshark: &second{filter: "ssh.protocol", field: "ssh.protocol", what: "identifications", ours: func(e *eventView) int {
			return has(event.SSHClientProto)(e) + has(event.SSHServerProto)(e)
		}},
	},
	{
		app: "smtp", title: "SMTP with MIME", capture: "pcaps/zeek-smtp.pcap",
		limits: "line 4 KiB; header 64 KiB; MIME 10 levels deep; attachments as files",
		tshark: &second{filter: "smtp.req.command == \"MAIL\"", field: "smtp.req.command", what: "mails", ours: has(event.SMTPMailFrom)},
	},
	{
		app: "dcerpc", title: "DCE/RPC over TCP and UDP", capture: "pcaps/otrf-covenant_dcsync_dcerpc_drsuapi_DsGetNCChanges.pcap",
		limits: "64 presentation contexts and 64 waiting calls an association; stub data 64 KiB inspected",
	},
	{
		app: "mqtt", title: "MQTT 3.1, 3.1.1 and 5", capture: "pcaps/malcolm-proto-MQTT.pcap",
		limits: "packet 128 KiB; 256 topics; 64 properties; 512 unfinished exchanges; passwords never in events",
		tshark: &second{filter: "mqtt", field: "mqtt.msgtype", what: "packets", ours: items(event.MQTTMessages)},
	},
	{
		app: "dhcp", title: "DHCP and BOOTP", capture: "pcaps/malcolm-proto-DHCP.pcap",
		limits: "128 options; 4 KiB each",
		tshark: &second{filter: "dhcp && !icmp && !_ws.malformed", what: "messages"},
	},
	{
		app: "ntp", title: "NTP", capture: "pcaps/malcolm-proto-NTP.pcap",
		limits: "1 KiB of control text",
		tshark: &second{filter: "ntp", what: "messages"},
	},
	{
		app: "snmp", title: "SNMP 1, 2c and 3", capture: "pcaps/zeek-snmp-snmpwalk-short.pcap",
		limits: "64 bindings; 256 bytes a value; encrypted contents unseen",
		tshark: &second{filter: "snmp", what: "messages"},
	},
	{
		app: "ike", title: "IKE 1 and 2", capture: "suricata-verify-dev/ikev1-transforms/input.pcap",
		limits: "64 payloads; 32 proposals; 512 transforms; fragments of RFC 7383 not joined",
		tshark: &second{filter: "isakmp", what: "messages"},
	},
}
