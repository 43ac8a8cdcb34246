package field

import (
	"fengsui/capture/flow"
	dnsproto "fengsui/capture/proto/dns"
)

func dnsOf(v *View) *dnsproto.Transaction { return v.Tx.(*dnsproto.Transaction) }

func dnsBuffer(dirs Dirs, get func(m *dnsproto.Message, i int) ([]byte, bool), names ...string) Buffer {
	return Buffer{
		Names: names, Dirs: dirs, Need: After(dnsproto.Done), Multi: true,
		Get: func(v *View, i int, _ []byte) ([]byte, bool) { return get(&dnsOf(v).Message, i) },
	}
}

func questionName(m *dnsproto.Message, i int) ([]byte, bool) {
	if i >= len(m.Questions) {
		return nil, false
	}
	return m.Questions[i].Name, true
}

// queryName gives the names a client asks for. An answer may travel to_server when its question was not captured: it is none.
func queryName(m *dnsproto.Message, i int) ([]byte, bool) {
	if m.Response {
		return nil, false
	}
	return questionName(m, i)
}

func recordName(section func(m *dnsproto.Message) []dnsproto.Record) func(m *dnsproto.Message, i int) ([]byte, bool) {
	return func(m *dnsproto.Message, i int) ([]byte, bool) {
		records := section(m)
		if i >= len(records) {
			return nil, false
		}
		return records[i].Name, true
	}
}

func answers(m *dnsproto.Message) []dnsproto.Record     { return m.Answers }
func authorities(m *dnsproto.Message) []dnsproto.Record { return m.Authorities }
func additionals(m *dnsproto.Message) []dnsproto.Record { return m.Additionals }

// responseName walks the names of all sections of an answer.
func responseName(m *dnsproto.Message, i int) ([]byte, bool) {
	if !m.Response {
		return nil, false
	}
	if i < len(m.Questions) {
		return m.Questions[i].Name, true
	}
	i -= len(m.Questions)
	for _, section := range [3][]dnsproto.Record{m.Answers, m.Authorities, m.Additionals} {
		if i < 2*len(section) {
			r := &section[i/2]
			if i%2 == 0 {
				return r.Name, true
			}
			return r.Data, true // names in the data count too; other data never look like one
		}
		i -= 2 * len(section)
	}
	return nil, false
}

// dnsNames are the buffers of names that DNS and multicast DNS share.
func dnsNames(prefix string) []Buffer {
	return []Buffer{
		dnsBuffer(Both, questionName, prefix+"queries.rrname"),
		dnsBuffer(Both, recordName(answers), prefix+"answers.rrname"),
		dnsBuffer(Both, recordName(authorities), prefix+"authorities.rrname"),
		dnsBuffer(Both, recordName(additionals), prefix+"additionals.rrname"),
	}
}

func dnsNumber(name string, limit uint64, words map[string]uint64, get func(m *dnsproto.Message, i int) (uint64, bool)) Number {
	return Number{
		Names: []string{name}, Dirs: Both, Need: After(dnsproto.Done), Max: limit, Words: words,
		Get: func(v *View, i int) (uint64, bool) { return get(&dnsOf(v).Message, i) },
	}
}

// dnsCodes name response codes (IANA DNS RCODEs). Never written.
var dnsCodes = map[string]uint64{
	"noerror": 0, "formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5, "yxdomain": 6, "yxrrset": 7, "nxrrset": 8, "notauth": 9,
	"notzone": 10, "badvers": 16, "badsig": 16, "badkey": 17, "badtime": 18, "badmode": 19, "badname": 20, "badalg": 21, "badtrunc": 22,
}

// dnsTypes name record types (IANA RR TYPEs). Never written.
var dnsTypes = map[string]uint64{
	"a": 1, "ns": 2, "md": 3, "mf": 4, "cname": 5, "soa": 6, "mb": 7, "mg": 8, "mr": 9, "null": 10, "wks": 11, "ptr": 12, "hinfo": 13, "minfo": 14,
	"mx": 15, "txt": 16, "rp": 17, "afsdb": 18, "x25": 19, "isdn": 20, "rt": 21, "nsap": 22, "nsapptr": 23, "sig": 24, "key": 25, "px": 26, "gpos": 27,
	"aaaa": 28, "loc": 29, "nxt": 30, "srv": 33, "atma": 34, "naptr": 35, "kx": 36, "cert": 37, "a6": 38, "dname": 39, "opt": 41, "apl": 42, "ds": 43,
	"sshfp": 44, "ipseckey": 45, "rrsig": 46, "nsec": 47, "dnskey": 48, "dhcid": 49, "nsec3": 50, "nsec3param": 51, "tlsa": 52, "hip": 55, "cds": 59,
	"cdnskey": 60, "svcb": 64, "https": 65, "spf": 99, "tkey": 249, "tsig": 250, "maila": 254, "any": 255, "uri": 256,
}

func recordType(m *dnsproto.Message, i int) (uint64, bool) {
	if i < len(m.Questions) {
		return uint64(m.Questions[i].Type), true
	}
	if i -= len(m.Questions); i < len(m.Answers) {
		return uint64(m.Answers[i].Type), true
	}
	return 0, false
}

// messageFrame is the message as sent.
func messageFrame() Buffer {
	return Buffer{
		Names: []string{"pdu"}, Dirs: Both, Need: After(dnsproto.Done),
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			raw := dnsOf(v).Raw
			return raw, i == 0 && len(raw) > 0
		},
	}
}

func dns() Protocol {
	return Protocol{
		App: flow.AppDNS, Events: dnsproto.Anomalies,
		EventNames: map[string]string{"not_request": "not_a_request", "not_response": "not_a_response"},
		Buffers: append(dnsNames("dns."),
			dnsBuffer(ToServer, queryName, "dns.query", "dns_query"),
			dnsBuffer(Both, questionName, "dns.query.name"),
			dnsBuffer(Both, recordName(answers), "dns.answer.name"),
			dnsBuffer(ToClient, responseName, "dns.response.rrname"),
		),
		Numbers: []Number{
			dnsNumber("dns.opcode", 255, nil, func(m *dnsproto.Message, i int) (uint64, bool) { return uint64(m.Opcode), i == 0 }),
			dnsNumber("dns.rcode", 65535, dnsCodes, func(m *dnsproto.Message, i int) (uint64, bool) { return uint64(m.RCode), i == 0 }),
			dnsNumber("dns.rrtype", 65535, dnsTypes, recordType),
		},
		Frames: []Buffer{messageFrame()},
	}
}

func mdns() Protocol {
	return Protocol{
		App: flow.AppMDNS, Events: dnsproto.Anomalies,
		Buffers: append(dnsNames("mdns."), dnsBuffer(Both, responseName, "mdns.response.rrname")),
		Frames:  []Buffer{messageFrame()},
	}
}
