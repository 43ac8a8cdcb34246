package signature

import (
	"net/netip"
	"strings"

	"fengsui/analyze/signature/address"
	"fengsui/analyze/signature/rule"
)

// Source is one rule file. Name is its path: file names in its rules are relative to it.
type Source struct {
	Name string
	Text string
}

// Options are what rules leave to the site.
type Options struct {
	// HomeNet and ExternalNet are address expressions; defaults: the private networks of RFC 1918, and any.
	HomeNet     string
	ExternalNet string
	// Vars sets further variables, addresses and ports; names without the dollar sign. Those of Suricata's default configuration have
	// its values unless set here.
	Vars map[string]string
	// Classes sets classtypes on top of the built-in list.
	Classes map[string]Class
	// ReadFile reads a file a rule names. ruleFile is the Source's name. Nil refuses such rules.
	ReadFile func(ruleFile, name string) ([]byte, error)
	// ReadState reads what Names.SaveDatasets has written under a name; nothing, without an error, when there is nothing yet. Nil: sets begin empty.
	ReadState func(name string) ([]byte, error)
	// GeoIP gives the country of an address, two capital letters, "" when it is not known. Nil refuses rules that ask.
	GeoIP func(netip.Addr) string
	// Reputation answers iprep. Nil refuses such rules.
	Reputation Reputation
	// Names keeps the identity of flowbits across sets. Nil makes a fresh one: right unless sets are swapped.
	Names *Names
	// Thresholds is the text of a threshold.config, "" for none; ThresholdName is its path.
	Thresholds    string
	ThresholdName string

	// watch is told of each option as its rule is built, for those who explain rules.
	watch func(b *builder, o rule.Option)
}

// Reputation is what iprep asks.
type Reputation interface {
	// Score gives the score of an address in a category, 0 when it is not listed; known is false for an unknown category.
	Score(category string, addr netip.Addr) (score uint8)
	Known(category string) bool
}

// defaultVars are those of Suricata's default configuration. Never written.
var defaultVars = map[string]string{
	"HOME_NET": "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]", "EXTERNAL_NET": "any",
	"HTTP_SERVERS": "$HOME_NET", "SMTP_SERVERS": "$HOME_NET", "SQL_SERVERS": "$HOME_NET", "DNS_SERVERS": "$HOME_NET",
	"TELNET_SERVERS": "$HOME_NET", "AIM_SERVERS": "$EXTERNAL_NET", "DC_SERVERS": "$HOME_NET", "DNP3_SERVER": "$HOME_NET",
	"DNP3_CLIENT": "$HOME_NET", "MODBUS_CLIENT": "$HOME_NET", "MODBUS_SERVER": "$HOME_NET", "ENIP_CLIENT": "$HOME_NET",
	"ENIP_SERVER": "$HOME_NET", "SSH_SERVERS": "$HOME_NET", "FTP_SERVERS": "$HOME_NET", "SIP_SERVERS": "$HOME_NET",
	"HTTP_PORTS": "80", "SHELLCODE_PORTS": "!80", "ORACLE_PORTS": "1521", "SSH_PORTS": "22", "DNP3_PORTS": "20000",
	"MODBUS_PORTS": "502", "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]", "FTP_PORTS": "21", "GENEVE_PORTS": "6081",
	"VXLAN_PORTS": "4789", "TEREDO_PORTS": "3544", "SIP_PORTS": "[5060,5061]",
}

func (o *Options) lookup(name string) (string, bool) {
	name = strings.TrimSpace(name)
	if v, ok := o.Vars[name]; ok {
		return v, true
	}
	switch {
	case name == "HOME_NET" && o.HomeNet != "":
		return o.HomeNet, true
	case name == "EXTERNAL_NET" && o.ExternalNet != "":
		return o.ExternalNet, true
	}
	v, ok := defaultVars[name]
	return v, ok
}

// addressCache shares the compiled form of equal expressions: a rule set has thousands of rules and a dozen of these.
type addressCache struct {
	vars  address.Vars
	sets  map[string]*address.Set
	ports map[string]*address.Ports
}

func (c *addressCache) set(text string) (*address.Set, error) {
	if s := c.sets[text]; s != nil {
		return s, nil
	}
	s, err := address.Parse(text, c.vars)
	if err == nil {
		c.sets[text] = s
	}
	return s, err
}

func (c *addressCache) portSet(text string) (*address.Ports, error) {
	if p := c.ports[text]; p != nil {
		return p, nil
	}
	p, err := address.ParsePorts(text, c.vars)
	if err == nil {
		c.ports[text] = p
	}
	return p, err
}

// Class is a classtype.
type Class struct {
	Text     string
	Priority int
}

// classes are those of the classification.config that Suricata and ET Open ship. Never written.
var classes = map[string]Class{
	"not-suspicious": {"Not Suspicious Traffic", 3}, "unknown": {"Unknown Traffic", 3}, "bad-unknown": {"Potentially Bad Traffic", 2},
	"attempted-recon": {"Attempted Information Leak", 2}, "successful-recon-limited": {"Information Leak", 2},
	"successful-recon-largescale": {"Large Scale Information Leak", 2}, "attempted-dos": {"Attempted Denial of Service", 2},
	"successful-dos": {"Denial of Service", 2}, "attempted-user": {"Attempted User Privilege Gain", 1},
	"unsuccessful-user": {"Unsuccessful User Privilege Gain", 1}, "successful-user": {"Successful User Privilege Gain", 1},
	"attempted-admin": {"Attempted Administrator Privilege Gain", 1}, "successful-admin": {"Successful Administrator Privilege Gain", 1},
	"rpc-portmap-decode": {"Decode of an RPC Query", 2}, "shellcode-detect": {"Executable code was detected", 1},
	"string-detect": {"A suspicious string was detected", 3}, "suspicious-filename-detect": {"A suspicious filename was detected", 2},
	"suspicious-login": {"An attempted login using a suspicious username was detected", 2}, "system-call-detect": {"A system call was detected", 2},
	"tcp-connection": {"A TCP connection was detected", 4}, "trojan-activity": {"A Network Trojan was detected", 1},
	"unusual-client-port-connection": {"A client was using an unusual port", 2}, "network-scan": {"Detection of a Network Scan", 3},
	"denial-of-service": {"Detection of a Denial of Service Attack", 2}, "non-standard-protocol": {"Detection of a non-standard protocol or event", 2},
	"protocol-command-decode":  {"Generic Protocol Command Decode", 3},
	"web-application-activity": {"access to a potentially vulnerable web application", 2}, "web-application-attack": {"Web Application Attack", 1},
	"misc-activity": {"Misc activity", 3}, "misc-attack": {"Misc Attack", 2}, "icmp-event": {"Generic ICMP event", 3},
	"inappropriate-content": {"Inappropriate Content was Detected", 1}, "policy-violation": {"Potential Corporate Privacy Violation", 1},
	"default-login-attempt": {"Attempt to login by a default username and password", 2}, "kickass-porn": {"SCORE! Get the lotion!", 1},
	"sdf": {"Sensitive Data", 2}, "file-format": {"Known malicious file or file based exploit", 1}, "malware-cnc": {"Malware Command and Control Activity Detected", 1},
	"client-side-exploit": {"Known client side exploit attempt", 1}, "targeted-activity": {"Targeted Malicious Activity was Detected", 1},
	"exploit-kit": {"Exploit Kit Activity Detected", 1}, "external-ip-check": {"Device Retrieving External IP Address Detected", 2},
	"domain-c2": {"Domain Observed Used for C2 Detected", 1}, "pup-activity": {"Possibly Unwanted Program Detected", 2},
	"credential-theft": {"Successful Credential Theft Detected", 1}, "social-engineering": {"Possible Social Engineering Attempted", 2},
	"coin-mining": {"Crypto Currency Mining Activity Detected", 2}, "command-and-control": {"Malware Command and Control Activity Detected", 1},
}
