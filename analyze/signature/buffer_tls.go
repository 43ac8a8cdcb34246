package signature

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto/tls"
)

func tlsOf(t *txView) *tls.Transaction { return t.tx.(*tls.Transaction) }

func tlsBuffer(name string, dirs dirSet, need int, get func(t *tls.Transaction, dir flow.Direction, i int) ([]byte, bool)) *buffer {
	return &buffer{
		name: name, app: flow.AppTLS, dirs: dirs, need: [2]int{need, need},
		get: func(t *txView, i int, _ []byte) ([]byte, bool) { return get(tlsOf(t), t.dir, i) },
	}
}

func tlsText(name string, dirs dirSet, get func(t *tls.Transaction) string) *buffer {
	return &buffer{
		name: name, app: flow.AppTLS, dirs: dirs, need: [2]int{tls.HelloDone, tls.HelloDone},
		get: func(t *txView, i int, scratch []byte) ([]byte, bool) {
			text := get(tlsOf(t))
			return append(scratch, text...), i == 0 && text != ""
		},
	}
}

// tlsCert makes a buffer out of a text of the leaf certificate.
func tlsCert(name string, get func(c *tls.Certificate) string) *buffer {
	return &buffer{
		name: name, app: flow.AppTLS, dirs: bothDirs, need: [2]int{tls.CertDone, tls.CertDone},
		get: func(t *txView, i int, scratch []byte) ([]byte, bool) {
			chain := tlsOf(t).Chain[t.dir]
			if i > 0 || len(chain) == 0 {
				return nil, false
			}
			text := get(&chain[0])
			return append(scratch, text...), text != ""
		},
	}
}

func multi(b *buffer) *buffer {
	b.multi = true
	return b
}

// tlsBuffers are the sticky buffers of TLS under all their names. Never written.
var tlsBuffers = buildTLSBuffers()

func buildTLSBuffers() map[string]*buffer {
	list := []*buffer{
		tlsBuffer("tls.sni", toServer, tls.HelloDone, func(t *tls.Transaction, _ flow.Direction, i int) ([]byte, bool) {
			return t.Client.SNI, i == 0 && t.Client.SNI != nil
		}),
		multi(tlsBuffer("tls.alpn", bothDirs, tls.HelloDone, func(t *tls.Transaction, dir flow.Direction, i int) ([]byte, bool) {
			if dir == flow.ToServer {
				if i < len(t.Client.ALPN) {
					return t.Client.ALPN[i], true
				}
				return nil, false
			}
			return t.Server.ALPN, i == 0 && t.Server.ALPN != nil
		})),
		tlsBuffer("tls.random", bothDirs, tls.HelloDone, tlsRandom(0, 32)),
		tlsBuffer("tls.random_time", bothDirs, tls.HelloDone, tlsRandom(0, 4)),
		tlsBuffer("tls.random_bytes", bothDirs, tls.HelloDone, tlsRandom(4, 32)),
		tlsText("ja3.hash", toServer, func(t *tls.Transaction) string { return t.Client.JA3Hash }),
		tlsText("ja3.string", toServer, func(t *tls.Transaction) string { return t.Client.JA3 }),
		tlsText("ja3s.hash", toClient, func(t *tls.Transaction) string { return t.Server.JA3SHash }),
		tlsText("ja3s.string", toClient, func(t *tls.Transaction) string { return t.Server.JA3S }),
		tlsText("ja4.hash", toServer, func(t *tls.Transaction) string { return t.Client.JA4 }),
		tlsCert("tls.cert_subject", func(c *tls.Certificate) string { return c.Subject }),
		tlsCert("tls.cert_issuer", func(c *tls.Certificate) string { return c.Issuer }),
		tlsCert("tls.cert_serial", func(c *tls.Certificate) string { return c.Serial }),
		tlsCert("tls.cert_fingerprint", func(c *tls.Certificate) string { return c.Fingerprint }),
		multi(tlsBuffer("tls.certs", bothDirs, tls.CertDone, func(t *tls.Transaction, dir flow.Direction, i int) ([]byte, bool) {
			if i >= len(t.Chain[dir]) {
				return nil, false
			}
			return t.Chain[dir][i].DER, true
		})),
		tlsAltNames(),
	}
	m := make(map[string]*buffer, 2*len(list))
	for _, b := range list {
		m[b.name] = b
	}
	for old, name := range map[string]string{
		"tls_sni": "tls.sni", "ja3_hash": "ja3.hash", "tls_cert_subject": "tls.cert_subject", "tls_cert_issuer": "tls.cert_issuer",
		"tls_cert_serial": "tls.cert_serial", "tls_cert_fingerprint": "tls.cert_fingerprint", "ja3_string": "ja3.string", "ja4_hash": "ja4.hash",
	} {
		m[old] = m[name]
	}
	return m
}

func tlsAltNames() *buffer {
	b := tlsCert("tls.subjectaltname", nil)
	b.multi = true
	b.get = func(t *txView, i int, scratch []byte) ([]byte, bool) {
		chain := tlsOf(t).Chain[t.dir]
		if len(chain) == 0 || i >= len(chain[0].AltNames) {
			return nil, false
		}
		return append(scratch, chain[0].AltNames[i]...), true
	}
	return b
}

func tlsRandom(from, to int) func(t *tls.Transaction, dir flow.Direction, i int) ([]byte, bool) {
	return func(t *tls.Transaction, dir flow.Direction, i int) ([]byte, bool) {
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

// tlsHello stands for a hello, tlsCertificate for a certificate, in conditions that are no buffer.
var (
	tlsHello       = tlsBuffer("tls", bothDirs, tls.HelloDone, nil)
	tlsCertificate = tlsBuffer("tls certificate", bothDirs, tls.CertDone, nil)
)
