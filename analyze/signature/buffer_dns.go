package signature

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto/dns"
)

func dnsOf(t *txView) *dns.Transaction { return t.tx.(*dns.Transaction) }

func dnsBuffer(name string, dirs dirSet, get func(m *dns.Message, i int) ([]byte, bool)) *buffer {
	return &buffer{
		name: name, app: flow.AppDNS, dirs: dirs, need: [2]int{dns.Done, dns.Done}, multi: true,
		get: func(t *txView, i int, _ []byte) ([]byte, bool) { return get(&dnsOf(t).Message, i) },
	}
}

func questionName(m *dns.Message, i int) ([]byte, bool) {
	if i >= len(m.Questions) {
		return nil, false
	}
	return m.Questions[i].Name, true
}

// queryName gives the names a client asks for. An answer may travel to_server when its question was not captured: it is none.
func queryName(m *dns.Message, i int) ([]byte, bool) {
	if m.Response {
		return nil, false
	}
	return questionName(m, i)
}

func recordName(section func(m *dns.Message) []dns.Record) func(m *dns.Message, i int) ([]byte, bool) {
	return func(m *dns.Message, i int) ([]byte, bool) {
		records := section(m)
		if i >= len(records) {
			return nil, false
		}
		return records[i].Name, true
	}
}

// responseName walks the names of all sections of an answer.
func responseName(m *dns.Message, i int) ([]byte, bool) {
	if !m.Response {
		return nil, false
	}
	if i < len(m.Questions) {
		return m.Questions[i].Name, true
	}
	i -= len(m.Questions)
	for _, section := range [][]dns.Record{m.Answers, m.Authorities, m.Additionals} {
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

// dnsBuffers are the sticky buffers of DNS. Never written.
var dnsBuffers = map[string]*buffer{
	"dns.query":              dnsBuffer("dns.query", toServer, queryName),
	"dns_query":              dnsBuffer("dns.query", toServer, queryName),
	"dns.queries.rrname":     dnsBuffer("dns.queries.rrname", bothDirs, questionName),
	"dns.answers.rrname":     dnsBuffer("dns.answers.rrname", bothDirs, recordName(func(m *dns.Message) []dns.Record { return m.Answers })),
	"dns.answer.name":        dnsBuffer("dns.answer.name", bothDirs, recordName(func(m *dns.Message) []dns.Record { return m.Answers })),
	"dns.query.name":         dnsBuffer("dns.query.name", bothDirs, questionName),
	"dns.authorities.rrname": dnsBuffer("dns.authorities.rrname", bothDirs, recordName(func(m *dns.Message) []dns.Record { return m.Authorities })),
	"dns.additionals.rrname": dnsBuffer("dns.additionals.rrname", bothDirs, recordName(func(m *dns.Message) []dns.Record { return m.Additionals })),
	"dns.response.rrname":    dnsBuffer("dns.response.rrname", toClient, responseName),
}

// dnsWhole stands for the message in conditions that are no buffer.
var dnsWhole = dnsBuffer("dns", bothDirs, nil)
