package eve

import (
	"strings"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/proto/dns"
	"fengsui/capture/proto/http"
	"fengsui/capture/proto/tls"
)

// typeName is the event type of a transaction: the protocol's name with underscores.
func typeName(tx proto.Transaction) string {
	name := tx.Protocol()
	if strings.IndexByte(name, '-') >= 0 {
		return strings.ReplaceAll(name, "-", "_")
	}
	return name
}

// writeTx writes a transaction that is over, its anomalies and its files.
func (l *Logger) writeTx(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	kind := typeName(tx)
	if l.cfg.Types.Has(kind) && worth(tx) {
		at := len(l.buf)
		b := l.begin(p, f, place(kind, dir, tx), kind)
		switch kind {
		case "http", "smtp", "smb":
			b = number(b, "tx_id", tx.ID())
		}
		if object := l.txObject(b, tx); len(object) > len(b) {
			l.buf = object
			l.end()
		} else { // nothing to tell: an empty exchange
			l.buf = l.buf[:at]
		}
	}
	if l.anomalies {
		for _, name := range tx.Base().Anomalies {
			l.writeAnomaly(p, f, dir, tx, name)
		}
	}
	if !l.files {
		return
	}
	if c, ok := tx.(proto.FileCarrier); ok {
		for _, d := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
			for _, x := range c.Files(d) {
				l.writeFile(p, f, d, tx, x)
			}
		}
	}
}

// worth tells whether a transaction holds what Suricata would log: a TLS session without any hello is not.
func worth(tx proto.Transaction) bool {
	if t, ok := tx.(*tls.Transaction); ok {
		return t.Client.Seen && t.Server.Seen
	}
	return true
}

// place gives the direction of the addresses of a record: most protocols say client and server, those of single messages who sent
// them, as in Suricata.
func place(kind string, dir flow.Direction, tx proto.Transaction) flow.Direction {
	switch kind {
	case "dns", "krb5", "snmp", "sip", "dhcp", "quic", "rdp", "tftp", "ntp", "ike":
		if s := tx.Base(); s.OneSide {
			return s.Only
		}
		return dir
	}
	return flow.ToServer
}

// txObject appends what a transaction holds as members of the record: "http":{…}.
func (l *Logger) txObject(b []byte, tx proto.Transaction) []byte {
	switch t := tx.(type) {
	case *http.Transaction:
		return appendHTTP(b, t)
	case *dns.Transaction:
		if t.MDNS {
			return appendMDNS(b, t)
		}
		return appendDNS(b, t)
	case *tls.Transaction:
		return appendTLS(b, t)
	}
	return l.nested(b, tx)
}

// writeAnomaly writes an oddity a parser noted.
func (l *Logger) writeAnomaly(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction, name string) {
	if s := tx.Base(); s.OneSide {
		dir = s.Only
	}
	b := l.begin(p, f, dir, "anomaly")
	b = number(b, "tx_id", tx.ID())
	b = append(b, `,"anomaly":{`...)
	b = field(b, "app_proto", tx.Protocol())
	b = append(b, `,"type":"applayer"`...)
	b = field(b, "event", name)
	b = append(b, `,"layer":"proto_parser"}`...)
	l.buf = b
	l.end()
}

// fileHashes are the digests written, in Suricata's order; sm3 is ours. Never written.
var fileHashes = [...]string{"md5", "sha1", "sha256", "sm3"}

// fileMembers appends the members of a file's object.
func fileMembers(b []byte, tx proto.Transaction, x *file.File) []byte {
	b = appendText(appendKey(b, "filename"), x.Name)
	b = boolean(b, "gaps", x.Gaps())
	switch x.State {
	case file.Closed:
		b = field(b, "state", "CLOSED")
	case file.Truncated:
		b = field(b, "state", "TRUNCATED")
	default:
		b = field(b, "state", "UNKNOWN")
	}
	for _, name := range fileHashes {
		if sum := x.Sum(name); len(sum) > 0 {
			b = append(appendKey(b, name), '"')
			for _, c := range sum {
				b = hexByte(b, c)
			}
			b = append(b, '"')
		}
	}
	b = boolean(b, "stored", x.Store)
	b = number(b, "size", x.Size)
	return number(b, "tx_id", tx.ID())
}

// fileList appends the files of a transaction to an alert.
func (l *Logger) fileList(b []byte, tx proto.Transaction) []byte {
	c, ok := tx.(proto.FileCarrier)
	if !ok {
		return b
	}
	n := 0
	for _, d := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
		for _, x := range c.Files(d) {
			if n++; n == 1 {
				b = append(b, `,"files":[`...)
			} else {
				b = append(b, ',')
			}
			b = append(fileMembers(append(b, '{'), tx, x), '}')
		}
	}
	if n > 0 {
		b = append(b, ']')
	}
	return b
}

// writeFile writes a file with the transaction that carried it.
func (l *Logger) writeFile(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction, x *file.File) {
	b := l.begin(p, f, dir, "fileinfo")
	b = l.txObject(b, tx)
	b = field(b, "app_proto", f.App.String())
	b = append(b, `,"fileinfo":{`...)
	b = fileMembers(b, tx, x)
	l.buf = append(b, '}')
	l.end()
}
