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
	{
		app: "http2", title: "HTTP/2 in clear text, with DNS inside", capture: "suricata-verify-dev/http2-keywords2/input.pcap",
		limits: "512 open streams; 256 KiB a frame; header lists of 64 KiB and 1024 fields; bodies as HTTP/1",
	},
	{
		app: "websocket", title: "WebSocket behind an upgrade", capture: "suricata-verify-dev/websocket-ping/input.pcap",
		limits: "64 KiB a frame; 64 KiB a message, also when decompressed",
	},
	{
		app: "smb", title: "SMB 1, 2 and 3", capture: "pcaps/zeek-smb-smb2.pcap",
		limits: "256 requests waiting; 256 handles; 64 trees; names 4 KiB; reads and writes as files",
		tshark: &second{filter: "smb2.cmd==5 && smb2.flags.response==0", field: "smb2.cmd", what: "creates", ours: has(event.SMBDisposition)},
	},
	{
		app: "krb5", title: "Kerberos 5", capture: "pcaps/malcolm-proto-KRB5.pcap",
		limits: "message 128 KiB over TCP; names of 16 parts; 64 encryption types",
		tshark: &second{filter: "kerberos.msg_type in {10,11,12,13,30}", field: "frame.number", what: "AS, TGS and error messages"},
	},
	{
		app: "rdp", title: "RDP up to its encryption", capture: "pcaps/zeek-rdp-rdp-to-ssl.pcap",
		limits: "PDU 64 KiB; cookie 255 bytes; 31 channels",
		tshark: &second{filter: "rdp.neg_type == 1", what: "negotiation requests", ours: has(event.RDPRequested)},
	},
	{
		app: "rfb", title: "RFB (VNC) up to the desktop's name", capture: "suricata-verify-dev/rfb-rules/input.pcap",
		limits: "32 security types; 255 bytes of name and reason",
		tshark: &second{filter: "vnc.server_proto_ver", what: "sessions"},
	},
	{
		app: "ftp", title: "FTP", capture: "pcaps/zeek-ftp-bruteforce.pcap",
		limits: "line 4 KiB; 64 reply lines and 64 KiB a command; 128 commands waiting; passwords masked",
		tshark: &second{filter: "ftp.request.command", field: "ftp.request.command", what: "commands", ours: has(event.FTPCommand)},
	},
	{
		app: "ftp-data", title: "FTP data connections", capture: "suricata-verify-dev/ftp__ftp-upload-active/input.pcap",
		limits: "4 KiB of a listing; transfers as files",
	},
	{
		app: "sip", title: "SIP over UDP and TCP, with SDP", capture: "pcaps/ndpi-sip.pcap",
		limits: "header 64 KiB and 200 fields; body 16 KiB; 32 media",
		tshark: &second{filter: "sip.Request-Line || sip.Status-Line", field: "frame.number", what: "messages"},
	},
	{
		app: "mysql", title: "MySQL and MariaDB", capture: "pcaps/malcolm-proto-MySQL.pcap",
		limits: "packet 64 KiB; statement 4 KiB in events; 256 prepared statements; passwords never in events",
		tshark: &second{filter: "mysql.error_code == 1045", what: "refused logins", ours: equals(event.DBErrorCode, "1045")},
	},
	{
		app: "pgsql", title: "PostgreSQL", capture: "pcaps/zeek-postgresql-greenhouse-app.pcap",
		limits: "message 64 KiB; statement 4 KiB in events; 256 prepared statements and portals",
		tshark: &second{filter: "pgsql.query", field: "pgsql.query", what: "statements", ours: has(event.DBStatement)},
	},
	{
		app: "modbus", title: "Modbus over TCP", capture: "pcaps/ndpi-modbus.pcap",
		limits: "message 260 bytes; 512 requests waiting",
		tshark: &second{filter: "modbus && tcp.dstport == 502", what: "requests", ours: has(event.ModbusReadCount)},
	},
	{
		app: "dnp3", title: "DNP3 over TCP", capture: "capture/proto/dnp3/testdata/dnp3.pcap",
		limits: "fragment 16 KiB; 256 objects a fragment; 64 requests waiting",
		tshark: &second{filter: "dnp3.al.func == 1", field: "dnp3.al.func", what: "reads", ours: equals(event.DNP3Name, "read")},
	},
	{
		app: "ldap", title: "LDAP and CLDAP", capture: "pcaps/otrf-purplesharp_ad_playbook_I.pcap",
		limits: "message 256 KiB; nothing that SASL has sealed; passwords never in events",
		tshark: &second{filter: "ldap.protocolOp == 3", field: "ldap.protocolOp", what: "searches", ours: equals(event.LDAPOperation, "search_request")},
	},
	{
		app: "pop3", title: "POP3, mails as MIME", capture: "pcaps/zeek-pop3-pop3.pcap",
		limits: "line 4 KiB; mail as SMTP; passwords masked",
		tshark: &second{filter: "pop.response.indicator", what: "answers", ours: has(event.POP3Status)},
	},
	{
		app: "quic", title: "QUIC initial packets", capture: "pcaps/ndpi-quic-28.pcap",
		limits: "client hello 64 KiB over several packets",
	},
	{
		app: "mssql", title: "Microsoft SQL Server (TDS)", capture: "pcaps/ndpi-mssql_tds.pcap",
		limits: "statement 4 KiB in events; passwords never in events",
		tshark: &second{filter: "(tds.type == 1 || tds.type == 3) && tds.status.eom == 1", what: "requests"},
	},
	{
		app: "tns", title: "Oracle TNS", capture: "pcaps/ndpi-oracle12.pcapng",
		limits: "statement 4 KiB in events",
		tshark: &second{filter: "tns.type == 2", what: "accepted connections", ours: equals(event.DBOperation, "CONNECT")},
	},
	{
		app: "imap", title: "IMAP, mails as MIME", capture: "pcaps/ndpi-imap.pcap",
		limits: "line 4 KiB; mail as SMTP; passwords masked",
		tshark: &second{filter: "imap.request.command", what: "commands", ours: has(event.IMAPCommand)},
	},
	{
		app: "redis", title: "Redis (RESP2, RESP3)", capture: "pcaps/zeek-redis-django-cloud.pcapng",
		limits: "statement 4 KiB in events; passwords masked",
		tshark: &second{filter: "resp.array && tcp.dstport == 10625", decode: "tcp.port==10625,resp", what: "commands"},
	},
	{
		app: "mongodb", title: "MongoDB", capture: "pcaps/ndpi-mongodb.pcap",
		limits: "statement 4 KiB in events; compressed messages noted, not read",
		tshark: &second{filter: "mongo.opcode == 2004", decode: "tcp.port==27017-30000,mongo", what: "queries"},
	},
	{
		app: "tftp", title: "TFTP requests", capture: "capture/proto/tftp/testdata/tftp.pcap",
		limits: "512 bytes of a name; 16 options; transfers from a port of the server's own are not followed",
		tshark: &second{filter: "tftp.opcode == 1 || tftp.opcode == 2", what: "requests"},
	},
	{
		app: "enip", title: "EtherNet/IP with CIP", capture: "capture/proto/enip/testdata/enip.pcap",
		limits: "64 CIP messages an exchange, 4 levels wrapped; 64 exchanges waiting",
		tshark: &second{filter: "enip && (tcp.dstport == 44818 || udp.dstport == 44818)", what: "requests"},
	},
	{
		app: "bittorrent-dht", title: "BitTorrent's distributed hash table", capture: "capture/proto/dht/testdata/dht.pcap",
		limits: "64 nodes and 64 peers a message",
		tshark: &second{filter: "bt-dht", decode: "udp.port==6881,bt-dht", what: "messages"},
	},
	{
		app: "tlcp", title: "TLCP (GB/T 38636)", capture: "capture/proto/tlcp/testdata/tlcp.pcap",
		limits: "as TLS; the fields of two certificates a side",
		tshark: &second{filter: "tls.record.version==0x0101 && tls.handshake.type==1", what: "client hellos"},
	},
	{
		app: "telnet", title: "Telnet", capture: "pcaps/malcolm-proto-Telnet.pcap",
		limits: "lines of 4 KiB; options stripped; passwords masked",
	},
	{
		app: "irc", title: "IRC", capture: "pcaps/malcolm-proto-IRC.pcap",
		limits: "line 4 KiB",
	},
	{
		app: "nfs", title: "NFS 2, 3 and 4", capture: "capture/proto/nfs/testdata/nfs.pcap",
		limits: "256 calls waiting; names 4 KiB; reads and writes as files",
	},
}
