package tls

import (
	"fmt"
	"strings"

	"fengsui/capture/event"
	"fengsui/capture/flow"
)

// VersionName returns a version as rules and records write it: "TLS 1.2", "SSLv3".
func VersionName(v uint16) string {
	switch v {
	case 0:
		return ""
	case 0x0002:
		return "SSLv2"
	case 0x0300:
		return "SSLv3"
	case 0x0301:
		return "TLS 1.0"
	case 0x0302:
		return "TLS 1.1"
	case 0x0303:
		return "TLS 1.2"
	case 0x0304:
		return "TLS 1.3"
	}
	return fmt.Sprintf("0x%04x", v)
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if name := VersionName(t.Version); name != "" {
		kind, number, found := strings.Cut(name, " ")
		if !found {
			kind, number = "ssl", strings.TrimPrefix(name, "SSLv")
		}
		e.Str(event.TLSVersionProtocol, strings.ToLower(kind))
		e.Str(event.TLSVersion, number)
	}
	c, s := &t.Client, &t.Server
	e.Bytes(event.TLSServerName, c.SNI)
	if c.Seen {
		e.Str(event.TLSClientJA3, c.JA3Hash)
		e.Str(event.TLSClientJA3String, c.JA3)
		e.Str(event.TLSClientJA4, c.JA4)
		alpn := make([]string, len(c.ALPN))
		for i, a := range c.ALPN {
			alpn[i] = string(a)
		}
		e.Strs(event.TLSClientALPN, alpn)
	}
	if s.Seen {
		e.Str(event.TLSServerJA3S, s.JA3SHash)
		e.Str(event.TLSServerJA3SStr, s.JA3S)
		e.Str(event.TLSCipher, fmt.Sprintf("0x%04x", s.Cipher))
		e.Bytes(event.TLSNextProtocol, s.ALPN)
	}
	e.Bool(event.TLSEstablished, t.Established)
	if t.Resumed {
		e.Bool(event.TLSResumed, true)
	}
	if chain := t.Chain[flow.ToClient]; len(chain) > 0 {
		leaf := &chain[0]
		e.Str(event.TLSServerSubject, leaf.Subject)
		e.Str(event.TLSServerIssuer, leaf.Issuer)
		e.Str(event.TLSServerSerial, leaf.Serial)
		e.Str(event.TLSServerSHA1, leaf.Fingerprint)
		e.At(event.TLSServerNotBefore, leaf.NotBefore)
		e.At(event.TLSServerNotAfter, leaf.NotAfter)
		e.Strs(event.TLSServerAltNames, leaf.AltNames)
	}
	if chain := t.Chain[flow.ToServer]; len(chain) > 0 {
		e.Str(event.TLSClientSubject, chain[0].Subject)
		e.Str(event.TLSClientIssuer, chain[0].Issuer)
	}
}
