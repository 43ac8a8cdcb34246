package eve

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"fengsui/capture/proto/dns"
)

// Record types that are written in a form of their own.
const (
	typeHINFO = 13
	typeSSHFP = 44
)

// appendDNS appends the dns object, version 3 of the format.
func appendDNS(b []byte, t *dns.Transaction) []byte {
	b = append(b, `,"dns":{"version":3,"type":"`...)
	if t.Response {
		b = append(b, "response"...)
	} else {
		b = append(b, "request"...)
	}
	b = append(b, `","tx_id":`...)
	b = strconv.AppendUint(b, t.TxID, 10)
	b = number(b, "id", uint64(t.MsgID))
	b = append(b, `,"flags":"`...)
	b = strconv.AppendUint(b, uint64(t.Flags), 16)
	b = append(b, '"')
	for _, x := range headerFlags {
		if t.Flags&x.bit != 0 {
			b = boolean(b, x.name, true)
		}
	}
	b = number(b, "opcode", uint64(t.Opcode))
	b = field(b, "rcode", dns.RCodeName(t.RCode))
	b = questions(b, t.Questions)
	b = records(b, "answers", t.Answers)
	if len(t.Answers) > 0 {
		b = grouped(b, t.Answers)
	}
	b = records(b, "authorities", t.Authorities)
	b = records(b, "additionals", t.Additionals)
	return append(b, '}')
}

// headerFlags are those that are written when set, in Suricata's order. Never written.
var headerFlags = [...]struct {
	bit  uint16
	name string
}{{0x8000, "qr"}, {0x0400, "aa"}, {0x0200, "tc"}, {0x0100, "rd"}, {0x0080, "ra"}, {0x0040, "z"}}

func questions(b []byte, list []dns.Question) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(appendKey(b, "queries"), '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"rrname":`...)
		b = appendText(b, list[i].Name)
		b = append(b, `,"rrtype":`...)
		b = appendType(b, list[i].Type)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendType appends a record type's name, its number where Suricata has no name for it.
func appendType(b []byte, t uint16) []byte {
	switch t {
	case 251, 252: // transfers
		b = append(b, '"')
		b = strconv.AppendUint(b, uint64(t), 10)
		return append(b, '"')
	}
	name := dns.TypeName(t)
	if len(name) > 4 && name[:4] == "TYPE" {
		name = name[4:]
	}
	return appendText(b, name)
}

// records appends a section.
func records(b []byte, key string, list []dns.Record) []byte {
	if len(list) == 0 {
		return b
	}
	at := len(b)
	b = append(appendKey(b, key), '[')
	n := 0
	for i := range list {
		r := &list[i]
		if r.Type == dns.TypeOPT && len(r.Raw) < 4 { // says only what its sender can take
			continue
		}
		for rest := r.Raw; ; {
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = append(b, `{"rrname":`...)
			b = appendText(b, r.Name)
			b = append(b, `,"rrtype":`...)
			b = appendType(b, r.Type)
			b = number(b, "ttl", uint64(r.TTL))
			switch key, ok := dataKey(r); {
			case r.Type == dns.TypeTXT: // one member of the list for each string, as in Suricata
				var text []byte
				text, rest = nextString(rest)
				b = appendText(appendKey(b, "rdata"), text)
			case ok:
				b = appendData(appendKey(b, key), r)
			}
			b = append(b, '}')
			if r.Type != dns.TypeTXT || len(rest) == 0 {
				break
			}
		}
	}
	if n == 0 {
		return b[:at]
	}
	return append(b, ']')
}

// nextString cuts the first character string (RFC 1035 3.3) off record data.
func nextString(raw []byte) (text, rest []byte) {
	if len(raw) == 0 {
		return nil, nil
	}
	n := min(int(raw[0]), len(raw)-1)
	return raw[1 : 1+n], raw[1+n:]
}

// dataKey is the member that holds a record's data; ok is false when it is not written.
func dataKey(r *dns.Record) (key string, ok bool) {
	switch r.Type {
	case dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeMX, dns.TypeTXT, dns.TypeNULL:
		return "rdata", true
	case dns.TypeSOA:
		return "soa", true
	case dns.TypeSRV:
		return "srv", true
	case typeSSHFP:
		return "sshfp", len(r.Raw) > 2
	case dns.TypeOPT:
		return "opt", len(r.Raw) >= 4
	}
	return "", false
}

// appendData appends a record's data.
func appendData(b []byte, r *dns.Record) []byte {
	switch r.Type {
	case dns.TypeAAAA:
		if len(r.Raw) == 16 {
			b = append(b, '"')
			b = appendAddr6(b, [16]byte(r.Raw))
			return append(b, '"')
		}
	case dns.TypeSOA:
		return appendWords(b, r.Data, soaWords[:])
	case dns.TypeSRV:
		return appendWords(b, r.Data, srvWords[:])
	case typeSSHFP:
		b = append(b, `{"fingerprint":"`...)
		for i, c := range r.Raw[2:] {
			if i > 0 {
				b = append(b, ':')
			}
			b = hexByte(b, c)
		}
		b = append(b, `","algo":`...)
		b = strconv.AppendUint(b, uint64(r.Raw[0]), 10)
		b = number(b, "type", uint64(r.Raw[1]))
		return append(b, '}')
	case dns.TypeOPT:
		return appendOptions(b, r.Raw)
	}
	return appendText(b, r.Data)
}

// word is one part of record data in text form.
type word struct {
	name    string
	numeric bool
}

// The parts of SOA and SRV data as package dns writes them, and the place of the one that may hold blanks. Never written.
var (
	soaWords = [...]word{
		{"mname", false}, {"rname", false}, {"serial", true}, {"refresh", true}, {"retry", true}, {"expire", true}, {"minimum", true},
	}
	srvWords = [...]word{{"priority", true}, {"weight", true}, {"port", true}, {"name", false}}
)

// appendWords appends an object of the blank-separated parts of data.
func appendWords(b, data []byte, words []word) []byte {
	b = append(b, '{')
	for i, w := range words {
		part := data
		if i < len(words)-1 {
			part, data, _ = bytes.Cut(data, []byte{' '})
		}
		b = appendKey(b, w.name)
		if _, ok := decimal(part); w.numeric && ok {
			b = append(b, part...)
		} else {
			b = appendText(b, part)
		}
	}
	return append(b, '}')
}

// appendOptions appends the options of an OPT record (RFC 6891 6.1.2).
func appendOptions(b, raw []byte) []byte {
	b = append(b, '[')
	for n := 0; len(raw) >= 4; n++ {
		size := int(binary.BigEndian.Uint16(raw[2:]))
		if len(raw) < 4+size {
			break
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"code":`...)
		b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(raw)), 10)
		b = append(b, `,"data":"`...)
		b = hex.AppendEncode(b, raw[4:4+size])
		b = append(b, '"', '}')
		raw = raw[4+size:]
	}
	return append(b, ']')
}

// grouped appends the answers' data by type, types in the order of their first answer.
func grouped(b []byte, list []dns.Record) []byte {
	open := false
	for i := range list {
		if key, ok := dataKey(&list[i]); !ok || key == "opt" || seenBefore(list, i) {
			continue
		}
		if !open {
			b = append(appendKey(b, "grouped"), '{')
			open = true
		}
		b = append(appendKey(b, dns.TypeName(list[i].Type)), '[')
		for j := i; j < len(list); j++ {
			if list[j].Type != list[i].Type {
				continue
			}
			if j > i {
				b = append(b, ',')
			}
			if list[j].Type == dns.TypeTXT {
				b = appendStrings(b, list[j].Raw)
			} else {
				b = appendData(b, &list[j])
			}
		}
		b = append(b, ']')
	}
	if open {
		b = append(b, '}')
	}
	return b
}

func seenBefore(list []dns.Record, i int) bool {
	for j := range i {
		if list[j].Type == list[i].Type {
			return true
		}
	}
	return false
}
