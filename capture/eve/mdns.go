package eve

import (
	"strings"

	"fengsui/capture/proto/dns"
)

// appendMDNS appends the mdns object, which gathers records by name and has their data under the type's name.
func appendMDNS(b []byte, t *dns.Transaction) []byte {
	b = append(b, `,"mdns":{"type":"`...)
	if t.Response {
		b = append(b, "response"...)
	} else {
		b = append(b, "request"...)
	}
	b = append(b, '"')
	b = number(b, "id", uint64(t.MsgID))
	open := false
	for _, x := range headerFlags[1:] {
		if t.Flags&x.bit == 0 {
			continue
		}
		if !open {
			b = append(appendKey(b, "flags"), '[')
		} else {
			b = append(b, ',')
		}
		open = true
		b = appendText(b, x.name)
	}
	if open {
		b = append(b, ']')
	}
	b = number(b, "opcode", uint64(t.Opcode))
	b = number(b, "rcode", uint64(t.RCode))
	if len(t.Questions) > 0 {
		b = append(appendKey(b, "queries"), '[')
		for i := range t.Questions {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"rrname":`...)
			b = appendText(b, t.Questions[i].Name)
			b = field(b, "rrtype", strings.ToLower(dns.TypeName(t.Questions[i].Type)))
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	b = multicast(b, "answers", t.Answers)
	b = multicast(b, "authorities", t.Authorities)
	b = multicast(b, "additionals", t.Additionals)
	return append(b, '}')
}

// multicast appends a section: one object a record, its data under the name of its type.
func multicast(b []byte, key string, list []dns.Record) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(appendKey(b, key), '[')
	for i := range list {
		r := &list[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"rrname":`...)
		b = appendText(b, r.Name)
		switch name, ok := dataKey(r); {
		case r.Type == dns.TypeTXT:
			b = append(appendKey(b, "txt"), '[')
			b = append(appendStrings(b, r.Raw), ']')
		case r.Type == typeHINFO:
			b = append(appendKey(b, "hinfo"), '[')
			b = append(appendStrings(b, r.Raw), ']')
		case ok && name == "rdata":
			b = appendData(appendKey(b, strings.ToLower(dns.TypeName(r.Type))), r)
		case ok:
			b = appendData(appendKey(b, name), r)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendStrings appends the character strings of TXT and HINFO data (RFC 1035 3.3).
func appendStrings(b, raw []byte) []byte {
	for n := 0; len(raw) > 0; n++ {
		if n > 0 {
			b = append(b, ',')
		}
		var text []byte
		text, raw = nextString(raw)
		b = appendText(b, text)
	}
	return b
}
