package eve

import (
	"fmt"
	"slices"
	"strings"
)

// Types is a choice of event types.
type Types struct {
	all   bool
	names map[string]bool
}

// All is every event type but decode.
func All() Types { return Types{all: true} }

// known are the event types that can be asked for by name. Never written.
var known = []string{
	"alert", "anomaly", "bittorrent_dht", "dcerpc", "decode", "dhcp", "dnp3", "dns", "enip", "fileinfo", "flow", "ftp", "ftp_data", "http", "http2", "ike",
	"imap", "irc", "krb5", "ldap", "mdns", "modbus", "mongodb", "mqtt", "mssql", "mysql", "nfs", "ntp", "pgsql", "pop3", "quic", "rdp",
	"redis", "rfb", "sip", "smb", "smtp", "snmp", "ssh", "stats", "telnet", "tftp", "tlcp", "tls", "tns", "websocket",
}

// ParseTypes reads a list such as "alert,flow,dns". "all" is everything but decode.
func ParseTypes(list string) (Types, error) {
	t := Types{names: map[string]bool{}}
	for _, name := range strings.Split(list, ",") {
		name = strings.ReplaceAll(strings.TrimSpace(name), "-", "_")
		switch {
		case name == "all":
			t.all = true
		case slices.Contains(known, name):
			t.names[name] = true
		default:
			return Types{}, fmt.Errorf("unknown event type %q; types are all, %s", name, strings.Join(known, ", "))
		}
	}
	return t, nil
}

// Has tells whether events of a type are written.
func (t *Types) Has(name string) bool { return t.all && name != "decode" || t.names[name] }
