package flow

// App is an application protocol. Numbers are internal to a run and may change; names (App.String) are stable, they are
// those of the rule language (the protocol of a rule header, the argument of app-layer-protocol).
type App uint8

// Application protocols. Fewer than 64, so that a set fits a uint64.
const (
	AppUnknown App = iota // not decided yet
	AppFailed             // decided: none we know
	AppHTTP
	AppHTTP2
	AppDNS
	AppMDNS
	AppTLS
	AppSSH
	AppSMTP
	AppFTP
	AppFTPData
	AppSMB
	AppDCERPC
	AppIMAP
	AppPOP3
	AppTelnet
	AppRDP
	AppRFB
	AppMQTT
	AppModbus
	AppDNP3
	AppENIP
	AppNFS
	AppNTP
	AppDHCP
	AppTFTP
	AppSNMP
	AppSIP
	AppIKE
	AppKRB5
	AppLDAP
	AppQUIC
	AppMySQL
	AppPgSQL
	AppMSSQL
	AppTNS
	AppRedis
	AppMongoDB
	AppWebSocket
	AppBitTorrentDHT
	AppTLCP
	AppIRC
	AppDoH2
	appCount
)

// appNames is indexed by App and never written.
var appNames = [appCount]string{
	AppUnknown: "unknown", AppFailed: "failed", AppHTTP: "http", AppHTTP2: "http2", AppDNS: "dns", AppMDNS: "mdns",
	AppTLS: "tls", AppSSH: "ssh", AppSMTP: "smtp", AppFTP: "ftp", AppFTPData: "ftp-data", AppSMB: "smb",
	AppDCERPC: "dcerpc", AppIMAP: "imap", AppPOP3: "pop3", AppTelnet: "telnet", AppRDP: "rdp", AppRFB: "rfb",
	AppMQTT: "mqtt", AppModbus: "modbus", AppDNP3: "dnp3", AppENIP: "enip", AppNFS: "nfs", AppNTP: "ntp",
	AppDHCP: "dhcp", AppTFTP: "tftp", AppSNMP: "snmp", AppSIP: "sip", AppIKE: "ike", AppKRB5: "krb5",
	AppLDAP: "ldap", AppQUIC: "quic", AppMySQL: "mysql", AppPgSQL: "pgsql", AppMSSQL: "mssql", AppTNS: "tns",
	AppRedis: "redis", AppMongoDB: "mongodb", AppWebSocket: "websocket", AppBitTorrentDHT: "bittorrent-dht",
	AppTLCP: "tlcp", AppIRC: "irc", AppDoH2: "doh2",
}

// String returns the protocol's name in the rule language.
func (a App) String() string {
	if a < appCount {
		return appNames[a]
	}
	return "unknown"
}

// Known tells whether a names a protocol (neither undecided nor failed).
func (a App) Known() bool { return a > AppFailed && a < appCount }

// ParseApp finds a protocol by name.
func ParseApp(name string) (App, bool) {
	for a, n := range appNames {
		if n == name {
			return App(a), true
		}
	}
	return AppUnknown, false
}
