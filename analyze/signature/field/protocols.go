package field

// Protocols lists the tables of all protocols rules can ask about.
func Protocols() []Protocol {
	list := []Protocol{
		http(),
		http2(),
		webSocket(),
		dns(),
		mdns(),
		mqtt(),
		rfb(),
		dnp3(),
		modbus(),
		tls(),
		quic(),
		tlcp(),
		ssh(),
		irc(),
		telnet(),
		imap(),
		pop3(),
		sip(),
		ftpData(),
		ftp(),
		smtp(),
		dceRPC(),
		dhcp(),
		ntp(),
		tftp(),
		snmp(),
		ike(),
		smb(),
		mysql(),
		pgsql(),
		krb5(),
		ldap(),
		mssql(),
		tns(),
		redis(),
		mongodb(),
		enip(),
		bitTorrentDHT(),
		nfs(),
	}
	for i := range list {
		withFiles(&list[i])
	}
	return list
}
