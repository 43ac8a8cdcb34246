package field

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"fengsui/capture/flow"
	tlsproto "fengsui/capture/proto/tls"
)

func tlsOf(v *View) *tlsproto.Transaction { return v.Tx.(*tlsproto.Transaction) }

func tlsBuffer(name string, dirs Dirs, need int, get func(t *tlsproto.Transaction, dir flow.Direction, i int) ([]byte, bool)) Buffer {
	return Buffer{
		Names: []string{name}, Dirs: dirs, Need: After(need),
		Get: func(v *View, i int, _ []byte) ([]byte, bool) { return get(tlsOf(v), v.Dir, i) },
	}
}

func tlsText(dirs Dirs, get func(t *tlsproto.Transaction) string, names ...string) Buffer {
	return Buffer{
		Names: names, Dirs: dirs, Need: After(tlsproto.HelloDone),
		Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
			text := get(tlsOf(v))
			return append(scratch, text...), i == 0 && text != ""
		},
	}
}

// leaf is the certificate the side looked at has shown for itself.
func leaf(v *View) (*tlsproto.Certificate, bool) {
	chain := tlsOf(v).Chain[v.Dir]
	if len(chain) == 0 {
		return nil, false
	}
	return &chain[0], true
}

// tlsCert makes a buffer out of a text of the leaf certificate.
func tlsCert(get func(c *tlsproto.Certificate) string, names ...string) Buffer {
	return Buffer{
		Names: names, Dirs: Both, Need: After(tlsproto.CertDone),
		Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
			c, ok := leaf(v)
			if !ok || i > 0 {
				return nil, false
			}
			text := get(c)
			return append(scratch, text...), text != ""
		},
	}
}

func several(b Buffer) Buffer {
	b.Multi = true
	return b
}

func tlsALPN(t *tlsproto.Transaction, dir flow.Direction, i int) ([]byte, bool) {
	if dir == flow.ToServer {
		if i < len(t.Client.ALPN) {
			return t.Client.ALPN[i], true
		}
		return nil, false
	}
	return t.Server.ALPN, i == 0 && t.Server.ALPN != nil
}

func tlsChainDER(t *tlsproto.Transaction, dir flow.Direction, i int) ([]byte, bool) {
	if i >= len(t.Chain[dir]) {
		return nil, false
	}
	return t.Chain[dir][i].DER, true
}

func tlsRandom(from, to int) func(t *tlsproto.Transaction, dir flow.Direction, i int) ([]byte, bool) {
	return func(t *tlsproto.Transaction, dir flow.Direction, i int) ([]byte, bool) {
		random := t.Client.Random
		if dir == flow.ToClient {
			random = t.Server.Random
		}
		if i > 0 || len(random) < to {
			return nil, false
		}
		return random[from:to], true
	}
}

func tlsAltNames() Buffer {
	return Buffer{
		Names: []string{"tls.subjectaltname"}, Dirs: Both, Need: After(tlsproto.CertDone), Multi: true,
		Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
			c, ok := leaf(v)
			if !ok || i >= len(c.AltNames) {
				return nil, false
			}
			return append(scratch, c.AltNames[i]...), true
		},
	}
}

func tls() Protocol {
	return Protocol{
		App: flow.AppTLS, Events: tlsproto.Anomalies,
		Buffers: []Buffer{
			withNames(tlsBuffer("tls.sni", ToServer, tlsproto.HelloDone, func(t *tlsproto.Transaction, _ flow.Direction, i int) ([]byte, bool) {
				return t.Client.SNI, i == 0 && t.Client.SNI != nil
			}), "tls_sni"),
			several(tlsBuffer("tls.alpn", Both, tlsproto.HelloDone, tlsALPN)),
			tlsBuffer("tls.random", Both, tlsproto.HelloDone, tlsRandom(0, 32)),
			tlsBuffer("tls.random_time", Both, tlsproto.HelloDone, tlsRandom(0, 4)),
			tlsBuffer("tls.random_bytes", Both, tlsproto.HelloDone, tlsRandom(4, 32)),
			tlsText(ToServer, func(t *tlsproto.Transaction) string { return t.Client.JA3Hash }, "ja3.hash", "ja3_hash"),
			tlsText(ToServer, func(t *tlsproto.Transaction) string { return t.Client.JA3 }, "ja3.string", "ja3_string"),
			tlsText(ToClient, func(t *tlsproto.Transaction) string { return t.Server.JA3SHash }, "ja3s.hash"),
			tlsText(ToClient, func(t *tlsproto.Transaction) string { return t.Server.JA3S }, "ja3s.string"),
			tlsText(ToServer, func(t *tlsproto.Transaction) string { return t.Client.JA4 }, "ja4.hash", "ja4_hash"),
			tlsCert(func(c *tlsproto.Certificate) string { return c.Subject }, "tls.cert_subject", "tls_cert_subject"),
			tlsCert(func(c *tlsproto.Certificate) string { return c.Issuer }, "tls.cert_issuer", "tls_cert_issuer"),
			tlsCert(func(c *tlsproto.Certificate) string { return c.Serial }, "tls.cert_serial", "tls_cert_serial"),
			tlsCert(func(c *tlsproto.Certificate) string { return c.Fingerprint }, "tls.cert_fingerprint", "tls_cert_fingerprint"),
			several(tlsBuffer("tls.certs", Both, tlsproto.CertDone, tlsChainDER)),
			tlsAltNames(),
		},
		Numbers: []Number{{
			Names: []string{"tls.cert_chain_len"}, Dirs: Both, Need: After(tlsproto.CertDone), Max: 1<<32 - 1,
			Get: func(v *View, i int) (uint64, bool) {
				n := len(tlsOf(v).Chain[v.Dir])
				return uint64(n), i == 0 && n > 0
			},
		}},
		Tests: []Test{
			{Names: []string{"tls.version"}, Dirs: Both, Need: After(tlsproto.HelloDone), Value: ValueNeeded, Parse: parseTLSVersion},
			{Names: []string{"ssl_version"}, Dirs: Both, Need: After(tlsproto.HelloDone), Value: ValueNeeded, Parse: parseSSLVersion},
			{Names: []string{"ssl_state"}, Dirs: Both, Need: After(tlsproto.HelloDone), Value: ValueNeeded, Late: true, Parse: parseSSLState},
			tlsCertTest("tls_cert_expired", func(c *tlsproto.Certificate, now time.Time) bool { return now.After(c.NotAfter) }),
			tlsCertTest("tls_cert_valid", func(c *tlsproto.Certificate, now time.Time) bool {
				return !now.After(c.NotAfter) && !now.Before(c.NotBefore)
			}),
			tlsCertDate("tls_cert_notbefore", func(c *tlsproto.Certificate) time.Time { return c.NotBefore }),
			tlsCertDate("tls_cert_notafter", func(c *tlsproto.Certificate) time.Time { return c.NotAfter }),
			tlsCertWord("tls.subject", func(c *tlsproto.Certificate) string { return c.Subject }),
			tlsCertWord("tls.issuerdn", func(c *tlsproto.Certificate) string { return c.Issuer }),
			tlsCertWord("tls.fingerprint", func(c *tlsproto.Certificate) string { return c.Fingerprint }),
			// The certificate is part of the evidence anyway: storing it asks for nothing more.
			{Names: []string{"tls.store", "tls_store"}, Dirs: Both, Need: After(tlsproto.CertDone), Value: ValueNone, Parse: always},
		},
	}
}

// always is the condition of keywords that ask for something to be done, not for something to be so.
func always(string) (func(v *View) bool, error) { return func(*View) bool { return true }, nil }

func withNames(b Buffer, more ...string) Buffer {
	b.Names = append(b.Names, more...)
	return b
}

// tlsVersions are version words with the number on the wire. Never written.
var tlsVersions = map[string]uint16{
	"1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303, "1.3": 0x0304,
	"sslv2": 0x0002, "sslv3": 0x0300, "tls1.0": 0x0301, "tls1.1": 0x0302, "tls1.2": 0x0303, "tls1.3": 0x0304,
}

// sideVersion is the version the side looked at speaks.
func sideVersion(v *View) uint16 {
	t := tlsOf(v)
	if v.Dir == flow.ToServer && t.Client.Seen {
		return t.Client.LegacyVersion
	}
	if v.Dir == flow.ToClient && t.Server.Seen {
		return t.Server.Version
	}
	return t.Version
}

func parseTLSVersion(value string) (func(v *View) bool, error) {
	text := strings.Trim(value, `" `)
	want, ok := tlsVersions[strings.ToLower(text)]
	if !ok {
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 16)
		if err != nil || !strings.HasPrefix(text, "0x") {
			return nil, fmt.Errorf("version %q is not 1.0 to 1.3 or hexadecimal", text)
		}
		want = uint16(n)
	}
	return func(v *View) bool { return sideVersion(v) == want }, nil
}

// words cuts a list at commas, without quotes and blanks.
func words(value string) []string {
	list := strings.Split(strings.Trim(value, `" `), ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// parseSSLVersion reads [!]word[,word…]; a ! before any word negates the whole.
func parseSSLVersion(value string) (func(v *View) bool, error) {
	negated := false
	var want []uint16
	for _, word := range words(value) {
		if rest, ok := strings.CutPrefix(word, "!"); ok {
			negated, word = true, strings.TrimSpace(rest)
		}
		v, ok := tlsVersions[strings.ToLower(word)]
		if !ok || word[0] >= '0' && word[0] <= '9' {
			return nil, fmt.Errorf("version %q is not sslv2, sslv3 or tls1.0 to tls1.3", word)
		}
		want = append(want, v)
	}
	return func(v *View) bool {
		have := sideVersion(v)
		for _, w := range want {
			if w == have {
				return !negated
			}
		}
		return negated && have != 0
	}, nil
}

// sslStates are the points of a handshake that ssl_state names. Never written.
var sslStates = map[string]func(t *tlsproto.Transaction) bool{
	"client_hello": func(t *tlsproto.Transaction) bool { return t.Client.Seen },
	"server_hello": func(t *tlsproto.Transaction) bool { return t.Server.Seen },
	"client_keyx":  func(t *tlsproto.Transaction) bool { return t.Progress(flow.ToServer) >= tlsproto.HandshakeDone },
	"server_keyx":  func(t *tlsproto.Transaction) bool { return t.Progress(flow.ToClient) >= tlsproto.HandshakeDone },
	"unknown":      func(t *tlsproto.Transaction) bool { return !t.Client.Seen && !t.Server.Seen },
}

func parseSSLState(value string) (func(v *View) bool, error) {
	text, negated := strings.CutPrefix(strings.TrimSpace(value), "!")
	var tests []func(t *tlsproto.Transaction) bool
	for _, word := range words(strings.ReplaceAll(text, "|", ",")) {
		test, ok := sslStates[word]
		if !ok {
			return nil, fmt.Errorf("state %q is not client_hello, server_hello, client_keyx, server_keyx or unknown", word)
		}
		tests = append(tests, test)
	}
	return func(v *View) bool {
		for _, test := range tests {
			if test(tlsOf(v)) {
				return !negated
			}
		}
		return negated
	}, nil
}

func tlsCertTest(name string, test func(c *tlsproto.Certificate, now time.Time) bool) Test {
	return Test{
		Names: []string{name}, Dirs: Both, Need: After(tlsproto.CertDone), Value: ValueNone,
		Parse: func(string) (func(v *View) bool, error) {
			return func(v *View) bool {
				c, ok := leaf(v)
				return ok && test(c, v.Now)
			}, nil
		},
	}
}

// tlsCertWord makes the older keywords that take the text they look for as their value.
func tlsCertWord(name string, get func(c *tlsproto.Certificate) string) Test {
	return Test{
		Names: []string{name}, Dirs: Both, Need: After(tlsproto.CertDone), Value: ValueNeeded,
		Parse: func(value string) (func(v *View) bool, error) {
			text, negated := strings.CutPrefix(strings.TrimSpace(value), "!")
			text = strings.Trim(strings.TrimSpace(text), `"`)
			if text == "" {
				return nil, fmt.Errorf("text is empty")
			}
			return func(v *View) bool {
				c, ok := leaf(v)
				return ok && strings.Contains(get(c), text) != negated
			}, nil
		},
	}
}

// dateLayouts are the precisions a date may be written in. Never written.
var dateLayouts = []string{"2006", "2006-01", "2006-01-02", "2006-01-02 15", "2006-01-02T15", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"}

func parseDate(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date like 2015-10-22 23:59:59", text)
}

// tlsCertDate reads date, <date, >date and date<>date, in UTC.
func tlsCertDate(name string, get func(c *tlsproto.Certificate) time.Time) Test {
	return Test{
		Names: []string{name}, Dirs: Both, Need: After(tlsproto.CertDone), Value: ValueNeeded,
		Parse: func(value string) (func(v *View) bool, error) {
			text := strings.Trim(value, `" `)
			var low, high time.Time
			var test func(t time.Time) bool
			var err error
			switch from, to, ranged := strings.Cut(text, "<>"); {
			case ranged:
				if low, err = parseDate(from); err == nil {
					high, err = parseDate(to)
				}
				if err == nil && !low.Before(high) {
					err = fmt.Errorf("range %q is empty", text)
				}
				test = func(t time.Time) bool { return t.After(low) && t.Before(high) }
			case strings.HasPrefix(text, "<"):
				high, err = parseDate(text[1:])
				test = func(t time.Time) bool { return t.Before(high) }
			case strings.HasPrefix(text, ">"):
				low, err = parseDate(text[1:])
				test = func(t time.Time) bool { return t.After(low) }
			default:
				low, err = parseDate(text)
				test = func(t time.Time) bool { return t.Equal(low) }
			}
			if err != nil {
				return nil, err
			}
			return func(v *View) bool {
				c, ok := leaf(v)
				return ok && test(get(c))
			}, nil
		},
	}
}
