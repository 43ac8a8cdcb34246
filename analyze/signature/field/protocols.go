package field

// Protocols lists the tables of all protocols rules can ask about.
func Protocols() []Protocol {
	list := []Protocol{
		http(),
		dns(),
		mdns(),
		mqtt(),
		rfb(),
		tls(),
		ssh(),
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
	}
	for i := range list {
		withFiles(&list[i])
	}
	return list
}
