package dns

import (
	"strconv"

	"fengsui/capture/event"
)

// TypeName returns the name of a record type, "TYPE123" (RFC 3597) when it has none here.
func TypeName(t uint16) string {
	switch t {
	case TypeA:
		return "A"
	case TypeNS:
		return "NS"
	case TypeCNAME:
		return "CNAME"
	case TypeSOA:
		return "SOA"
	case TypeNULL:
		return "NULL"
	case TypePTR:
		return "PTR"
	case 13:
		return "HINFO"
	case TypeMX:
		return "MX"
	case TypeTXT:
		return "TXT"
	case 24:
		return "SIG"
	case 25:
		return "KEY"
	case TypeAAAA:
		return "AAAA"
	case TypeSRV:
		return "SRV"
	case 35:
		return "NAPTR"
	case TypeDNAME:
		return "DNAME"
	case TypeOPT:
		return "OPT"
	case 43:
		return "DS"
	case 44:
		return "SSHFP"
	case 46:
		return "RRSIG"
	case 47:
		return "NSEC"
	case 48:
		return "DNSKEY"
	case 50:
		return "NSEC3"
	case 51:
		return "NSEC3PARAM"
	case 52:
		return "TLSA"
	case 59:
		return "CDS"
	case TypeSVCB:
		return "SVCB"
	case TypeHTTPS:
		return "HTTPS"
	case 99:
		return "SPF"
	case 249:
		return "TKEY"
	case 250:
		return "TSIG"
	case 251:
		return "IXFR"
	case 252:
		return "AXFR"
	case TypeANY:
		return "ANY"
	case 256:
		return "URI"
	case 257:
		return "CAA"
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// rcodes is indexed by response code (IANA dns-parameters) and never written.
var rcodes = [...]string{
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE",
}

// RCodeName returns the name of a response code, its number when it has none here.
func RCodeName(c uint16) string {
	if int(c) < len(rcodes) {
		return rcodes[c]
	}
	if c == 16 {
		return "BADVERS"
	}
	return strconv.Itoa(int(c))
}

// opcodeName returns the name of an operation.
func opcodeName(o uint8) string {
	switch o {
	case 0:
		return "QUERY"
	case 1:
		return "IQUERY"
	case 2:
		return "STATUS"
	case 4:
		return "NOTIFY"
	case 5:
		return "UPDATE"
	}
	return strconv.Itoa(int(o))
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if t.Response {
		e.Str(event.DNSType, "answer")
	} else {
		e.Str(event.DNSType, "query")
	}
	e.Str(event.DNSID, strconv.Itoa(int(t.MsgID)))
	e.Str(event.DNSOpCode, opcodeName(t.Opcode))
	e.Strs(event.DNSHeaderFlags, t.flagNames())
	if len(t.Questions) > 0 {
		q := &t.Questions[0]
		e.Bytes(event.DNSQuestionName, q.Name)
		e.Str(event.DNSQuestionType, TypeName(q.Type))
		if q.Class == classInternet {
			e.Str(event.DNSQuestionClass, "IN")
		} else {
			e.Str(event.DNSQuestionClass, strconv.Itoa(int(q.Class)))
		}
	}
	if !t.Response {
		return
	}
	e.Str(event.DNSResponseCode, RCodeName(t.RCode))
	n := len(t.Answers)
	if n == 0 {
		return
	}
	names, types, data, ttls := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	var ips []string
	for i := range t.Answers {
		r := &t.Answers[i]
		names[i], types[i], data[i], ttls[i] = string(r.Name), TypeName(r.Type), string(r.Data), int64(r.TTL)
		if r.Type == TypeA || r.Type == TypeAAAA {
			ips = append(ips, data[i])
		}
	}
	e.Strs(event.DNSAnswerNames, names)
	e.Strs(event.DNSAnswerTypes, types)
	e.Strs(event.DNSAnswerData, data)
	e.Ints(event.DNSAnswerTTLs, ttls)
	e.Strs(event.DNSResolvedIP, ips)
}

func (t *Transaction) flagNames() []string {
	var list []string
	for _, f := range [...]struct {
		bit  uint16
		name string
	}{{0x0400, "AA"}, {0x0200, "TC"}, {0x0100, "RD"}, {0x0080, "RA"}, {0x0020, "AD"}, {0x0010, "CD"}} {
		if t.Flags&f.bit != 0 {
			list = append(list, f.name)
		}
	}
	return list
}
