package signature

import (
	"strconv"
	"strings"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
	"fengsui/capture/proto/tls"
)

func txKeywords() map[string]keyword {
	return map[string]keyword{
		"urilen":             {value: valueNeeded, parse: optURILen},
		"dns.opcode":         {value: valueNeeded, parse: onDNS(15, func(t *txView) []uint64 { return []uint64{uint64(dnsOf(t).Opcode)} })},
		"dns.rcode":          {value: valueNeeded, parse: onDNS(65535, func(t *txView) []uint64 { return []uint64{uint64(dnsOf(t).RCode)} })},
		"dns.rrtype":         {value: valueNeeded, parse: onDNS(65535, rrTypes)},
		"tls.version":        {value: valueNeeded, parse: optTLSVersion},
		"ssl_version":        {value: valueNeeded, parse: optSSLVersion},
		"ssl_state":          {value: valueNeeded, parse: optSSLState},
		"tls.cert_chain_len": {value: valueNeeded, parse: optChainLen},
		"tls_cert_expired":   {value: valueNone, parse: optCertTime(func(c *tls.Certificate, w *Worker) bool { return w.p.Time.After(c.NotAfter) })},
		"tls_cert_valid": {value: valueNone, parse: optCertTime(func(c *tls.Certificate, w *Worker) bool {
			return !w.p.Time.After(c.NotAfter) && !w.p.Time.Before(c.NotBefore)
		})},
	}
}

// addTx adds a condition on transactions.
func (b *builder) addTx(needs *buffer, test func(w *Worker, t *txView) bool) {
	b.out.txs = append(b.out.txs, txCheck{test: test, needs: needs})
}

// optURILen reads urilen:condition[,norm|raw]: the length of http.uri or http.uri.raw.
func optURILen(b *builder, o rule.Option) error {
	text, which, _ := strings.Cut(o.Value, ",")
	cond, err := number.Parse(text, 65535)
	if err != nil {
		return err
	}
	name := "http.uri"
	switch strings.TrimSpace(which) {
	case "", "norm":
	case "raw":
		name = "http.uri.raw"
	default:
		return atOffset(len(text)+1, "%q is not norm or raw", which)
	}
	l := b.listOf(httpBuffers[name])
	l.steps = append(l.steps, &inspect.Check{Test: func(data []byte) bool { return cond.Match(uint64(len(data))) }})
	return nil
}

func rrTypes(t *txView) (types []uint64) {
	m := &dnsOf(t).Message
	for i := range m.Questions {
		types = append(types, uint64(m.Questions[i].Type))
	}
	for i := range m.Answers {
		types = append(types, uint64(m.Answers[i].Type))
	}
	return types
}

// dnsWords are names for the numbers of DNS keywords. Never written.
var dnsWords = map[string]uint64{
	"noerror": 0, "formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5, "yxdomain": 6, "yxrrset": 7, "nxrrset": 8,
	"notauth": 9, "notzone": 10, "a": 1, "ns": 2, "cname": 5, "soa": 6, "ptr": 12, "mx": 15, "txt": 16, "aaaa": 28, "srv": 33, "any": 255,
}

func onDNS(limit uint64, get func(t *txView) []uint64) func(*builder, rule.Option) error {
	return func(b *builder, o rule.Option) error {
		text := o.Value
		bare, negated := strings.CutPrefix(strings.ToLower(strings.TrimSpace(text)), "!")
		if n, ok := dnsWords[bare]; ok {
			text = strconv.FormatUint(n, 10)
			if negated {
				text = "!" + text
			}
		}
		cond, err := number.Parse(text, limit)
		if err != nil {
			return err
		}
		b.addTx(dnsWhole, func(_ *Worker, t *txView) bool {
			for _, n := range get(t) {
				if cond.Match(n) {
					return true
				}
			}
			return false
		})
		return nil
	}
}

// tlsVersions are version words with the number on the wire. Never written.
var tlsVersions = map[string]uint16{
	"1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303, "1.3": 0x0304,
	"sslv2": 0x0002, "sslv3": 0x0300, "tls1.0": 0x0301, "tls1.1": 0x0302, "tls1.2": 0x0303, "tls1.3": 0x0304,
}

func optTLSVersion(b *builder, o rule.Option) error {
	text := strings.Trim(o.Value, `" `)
	want, ok := tlsVersions[strings.ToLower(text)]
	if !ok {
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 16)
		if err != nil || !strings.HasPrefix(text, "0x") {
			return atOffset(0, "version %q is not 1.0 to 1.3 or hexadecimal", text)
		}
		want = uint16(n)
	}
	b.addTx(tlsHello, func(_ *Worker, t *txView) bool { return sideVersion(t) == want })
	return nil
}

// sideVersion is the version the side looked at speaks.
func sideVersion(t *txView) uint16 {
	x := tlsOf(t)
	if t.dir == flow.ToServer && x.Client.Seen {
		return x.Client.LegacyVersion
	}
	if t.dir == flow.ToClient && x.Server.Seen {
		return x.Server.Version
	}
	return x.Version
}

// optSSLVersion reads ssl_version:[!]word[,word…]; a ! before any word negates the whole.
func optSSLVersion(b *builder, o rule.Option) error {
	negated := false
	var want []uint16
	for _, word := range split(rule.Unquote(o.Value)) {
		if rest, ok := strings.CutPrefix(word, "!"); ok {
			negated, word = true, strings.TrimSpace(rest)
		}
		v, ok := tlsVersions[strings.ToLower(word)]
		if !ok || word[0] >= '0' && word[0] <= '9' {
			return atOffset(0, "version %q is not sslv2, sslv3 or tls1.0 to tls1.3", word)
		}
		want = append(want, v)
	}
	b.addTx(tlsHello, func(_ *Worker, t *txView) bool {
		have := sideVersion(t)
		for _, v := range want {
			if v == have {
				return !negated
			}
		}
		return negated && have != 0
	})
	return nil
}

// sslStates are the points of a handshake that ssl_state names. Never written.
var sslStates = map[string]func(t *tls.Transaction) bool{
	"client_hello":     func(t *tls.Transaction) bool { return t.Client.Seen },
	"server_hello":     func(t *tls.Transaction) bool { return t.Server.Seen },
	"client_keyx":      func(t *tls.Transaction) bool { return t.Progress(flow.ToServer) >= tls.HandshakeDone },
	"server_keyx":      func(t *tls.Transaction) bool { return t.Progress(flow.ToClient) >= tls.HandshakeDone },
	"handshake_failed": nil,
	"unknown":          nil,
}

func optSSLState(b *builder, o rule.Option) error {
	text, negated := strings.CutPrefix(strings.TrimSpace(o.Value), "!")
	var tests []func(t *tls.Transaction) bool
	for _, word := range split(strings.ReplaceAll(text, "|", ",")) {
		test, ok := sslStates[word]
		if !ok || test == nil {
			return atOffset(0, "state %q is not client_hello, server_hello, client_keyx or server_keyx", word)
		}
		tests = append(tests, test)
	}
	b.addTx(tlsHello, func(_ *Worker, t *txView) bool {
		for _, test := range tests {
			if test(tlsOf(t)) {
				return !negated
			}
		}
		return negated
	})
	b.out.late = true // judged again as the handshake goes on
	return nil
}

func optChainLen(b *builder, o rule.Option) error {
	cond, err := number.Parse(o.Value, 1<<32-1)
	if err != nil {
		return err
	}
	b.addTx(tlsCertificate, func(_ *Worker, t *txView) bool {
		n := len(tlsOf(t).Chain[t.dir])
		return n > 0 && cond.Match(uint64(n))
	})
	return nil
}

func optCertTime(test func(c *tls.Certificate, w *Worker) bool) func(*builder, rule.Option) error {
	return func(b *builder, _ rule.Option) error {
		b.addTx(tlsCertificate, func(w *Worker, t *txView) bool {
			chain := tlsOf(t).Chain[t.dir]
			return len(chain) > 0 && test(&chain[0], w)
		})
		return nil
	}
}
