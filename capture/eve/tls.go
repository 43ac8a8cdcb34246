package eve

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto/tls"
)

// appendTLS appends the tls object, with Suricata's extended fields.
func appendTLS(b []byte, t *tls.Transaction) []byte {
	b = append(b, `,"tls":{`...)
	if t.Resumed {
		b = boolean(b, "session_resumed", true)
	}
	chain := t.Chain[flow.ToClient]
	if len(chain) > 0 {
		leaf := &chain[0]
		b = field(b, "subject", leaf.Subject)
		b = field(b, "issuerdn", leaf.Issuer)
		b = texts(b, "subjectaltname", leaf.AltNames)
		b = field(b, "serial", leaf.Serial)
		b = field(b, "fingerprint", leaf.Fingerprint)
	}
	b = field(b, "sni", t.Client.SNI)
	b = field(b, "version", version(t.Version))
	if len(chain) > 0 {
		leaf := &chain[0]
		if !leaf.NotBefore.IsZero() {
			b = append(zulu(append(appendKey(b, "notbefore"), '"'), leaf.NotBefore), '"')
		}
		if !leaf.NotAfter.IsZero() {
			b = append(zulu(append(appendKey(b, "notafter"), '"'), leaf.NotAfter), '"')
		}
	}
	if t.Client.JA3Hash != "" {
		b = object(b, "ja3")
		b = field(b, "hash", t.Client.JA3Hash)
		b = field(b, "string", t.Client.JA3)
		b = append(b, '}')
	}
	if t.Server.JA3SHash != "" {
		b = object(b, "ja3s")
		b = field(b, "hash", t.Server.JA3SHash)
		b = field(b, "string", t.Server.JA3S)
		b = append(b, '}')
	}
	b = field(b, "ja4", t.Client.JA4)
	b = texts(b, "client_alpns", t.Client.ALPN)
	if len(t.Server.ALPN) > 0 {
		b = append(appendKey(b, "server_alpns"), '[')
		b = append(appendText(b, t.Server.ALPN), ']')
	}
	return append(b, '}')
}

// texts appends a list of texts unless it is empty.
func texts[T string | []byte](b []byte, key string, list []T) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(appendKey(b, key), '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

// version is a TLS version in EVE's words: TLS 1.0 is written differently there.
func version(v uint16) string {
	if v == 0x0301 {
		return "TLSv1"
	}
	return tls.VersionName(v)
}
