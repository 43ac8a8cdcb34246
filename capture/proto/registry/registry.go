package registry

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/dcerpc"
	"fengsui/capture/proto/dhcp"
	"fengsui/capture/proto/dht"
	"fengsui/capture/proto/dnp3"
	"fengsui/capture/proto/dns"
	"fengsui/capture/proto/enip"
	"fengsui/capture/proto/ftp"
	"fengsui/capture/proto/http"
	"fengsui/capture/proto/http2"
	"fengsui/capture/proto/ike"
	"fengsui/capture/proto/imap"
	"fengsui/capture/proto/irc"
	"fengsui/capture/proto/krb5"
	"fengsui/capture/proto/ldap"
	"fengsui/capture/proto/modbus"
	"fengsui/capture/proto/mongodb"
	"fengsui/capture/proto/mqtt"
	"fengsui/capture/proto/mssql"
	"fengsui/capture/proto/mysql"
	"fengsui/capture/proto/nfs"
	"fengsui/capture/proto/ntp"
	"fengsui/capture/proto/pgsql"
	"fengsui/capture/proto/pop3"
	"fengsui/capture/proto/quic"
	"fengsui/capture/proto/rdp"
	"fengsui/capture/proto/redis"
	"fengsui/capture/proto/rfb"
	"fengsui/capture/proto/sip"
	"fengsui/capture/proto/smb"
	"fengsui/capture/proto/smtp"
	"fengsui/capture/proto/snmp"
	"fengsui/capture/proto/ssh"
	"fengsui/capture/proto/telnet"
	"fengsui/capture/proto/tftp"
	"fengsui/capture/proto/tlcp"
	"fengsui/capture/proto/tls"
	"fengsui/capture/proto/tns"
	"fengsui/capture/proto/websocket"
)

// Limits bound what parsers keep.
type Limits struct {
	HTTP http.Limits
}

// Protocols returns the list, in the order recognition asks.
func Protocols(l Limits) []proto.Protocol {
	return []proto.Protocol{
		{App: flow.AppHTTP, TCP: true, Recognise: http.Recognise, New: http.New(l.HTTP)},
		{App: flow.AppTLS, TCP: true, Recognise: tls.Recognise, New: tls.New},
		{App: flow.AppDNS, TCP: true, UDP: true, Recognise: dns.RecogniseDNS, New: dns.New},
		{App: flow.AppMDNS, UDP: true, Recognise: dns.RecogniseMDNS, New: dns.NewMDNS},

		{App: flow.AppSSH, TCP: true, Recognise: ssh.Recognise, New: ssh.New},
		{App: flow.AppSMB, TCP: true, Recognise: smb.Recognise, New: smb.New},
		{App: flow.AppHTTP2, TCP: true, Recognise: http2.Recognise, New: http2.New(l.HTTP), NewExpected: http2.NewExpected(l.HTTP)},
		{App: flow.AppTLCP, TCP: true, Recognise: tlcp.Recognise, New: tlcp.New},
		{App: flow.AppRDP, TCP: true, Recognise: rdp.Recognise, New: rdp.New},
		{App: flow.AppFTP, TCP: true, Recognise: ftp.Recognise, New: ftp.New},
		{App: flow.AppFTPData, TCP: true, Recognise: ftp.RecogniseData, NewExpected: ftp.NewData},
		{App: flow.AppSMTP, TCP: true, Recognise: smtp.Recognise, New: smtp.New},
		{App: flow.AppPOP3, TCP: true, Recognise: pop3.Recognise, New: pop3.New},
		{App: flow.AppIMAP, TCP: true, Recognise: imap.Recognise, New: imap.New},
		{App: flow.AppIRC, TCP: true, Recognise: irc.Recognise, New: irc.New},
		{App: flow.AppRFB, TCP: true, Recognise: rfb.Recognise, New: rfb.New},
		{App: flow.AppTelnet, TCP: true, Recognise: telnet.Recognise, New: telnet.New},
		{App: flow.AppMQTT, TCP: true, Recognise: mqtt.Recognise, New: mqtt.New},
		{App: flow.AppModbus, TCP: true, Recognise: modbus.Recognise, New: modbus.New},
		{App: flow.AppDNP3, TCP: true, Recognise: dnp3.Recognise, New: dnp3.New},
		{App: flow.AppENIP, TCP: true, UDP: true, Recognise: enip.Recognise, New: enip.New},
		{App: flow.AppMySQL, TCP: true, Recognise: mysql.Recognise, New: mysql.New},
		{App: flow.AppPgSQL, TCP: true, Recognise: pgsql.Recognise, New: pgsql.New},
		{App: flow.AppMSSQL, TCP: true, Recognise: mssql.Recognise, New: mssql.New},
		{App: flow.AppTNS, TCP: true, Recognise: tns.Recognise, New: tns.New},
		{App: flow.AppRedis, TCP: true, Recognise: redis.Recognise, New: redis.New},
		{App: flow.AppMongoDB, TCP: true, Recognise: mongodb.Recognise, New: mongodb.New},
		{App: flow.AppKRB5, TCP: true, UDP: true, Recognise: krb5.Recognise, New: krb5.New},
		{App: flow.AppLDAP, TCP: true, UDP: true, Recognise: ldap.Recognise, New: ldap.New},
		{App: flow.AppSIP, TCP: true, UDP: true, Recognise: sip.Recognise, New: sip.New},
		{App: flow.AppNFS, TCP: true, UDP: true, Recognise: nfs.Recognise, New: nfs.New},
		{App: flow.AppDCERPC, TCP: true, UDP: true, Recognise: dcerpc.Recognise, New: dcerpc.New},
		{App: flow.AppSNMP, UDP: true, Recognise: snmp.Recognise, New: snmp.New},
		{App: flow.AppNTP, UDP: true, Recognise: ntp.Recognise, New: ntp.New},
		{App: flow.AppDHCP, UDP: true, Recognise: dhcp.Recognise, New: dhcp.New},
		{App: flow.AppTFTP, UDP: true, Recognise: tftp.Recognise, New: tftp.New},
		{App: flow.AppIKE, UDP: true, Recognise: ike.Recognise, New: ike.New},
		{App: flow.AppQUIC, UDP: true, Recognise: quic.Recognise, New: quic.New},
		{App: flow.AppWebSocket, TCP: true, Recognise: websocket.Recognise, New: websocket.New, NewExpected: websocket.NewExpected},
		{App: flow.AppBitTorrentDHT, UDP: true, Recognise: dht.Recognise, New: dht.New},
	}
}
