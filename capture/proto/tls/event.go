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
	case VersionTLCP:
		return "TLCP 1.1"
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
	if t.TLCP {
		t.tlcpEvent(e)
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

// suiteTLCP names the cipher suites of TLCP (GB/T 38636-2020 6.4.5.2.1). Never written.
var suiteTLCP = map[uint16]string{
	0xe011: "ECDHE_SM4_CBC_SM3", 0xe051: "ECDHE_SM4_GCM_SM3", 0xe013: "ECC_SM4_CBC_SM3", 0xe053: "ECC_SM4_GCM_SM3",
	0xe015: "IBSDH_SM4_CBC_SM3", 0xe055: "IBSDH_SM4_GCM_SM3", 0xe017: "IBC_SM4_CBC_SM3", 0xe057: "IBC_SM4_GCM_SM3",
	0xe019: "RSA_SM4_CBC_SM3", 0xe059: "RSA_SM4_GCM_SM3", 0xe01c: "RSA_SM4_CBC_SHA256", 0xe05a: "RSA_SM4_GCM_SHA256",
}

// SuiteNameTLCP names a cipher suite of TLCP, "0x…" for one it does not know.
func SuiteNameTLCP(suite uint16) string {
	if name, ok := suiteTLCP[suite]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", suite)
}

// tlcpEvent adds what only TLCP has: suites by name and the pair of certificates.
func (t *Transaction) tlcpEvent(e *event.Event) {
	if t.Client.Seen {
		offered := make([]string, 0, len(t.Client.Ciphers))
		for _, s := range t.Client.Ciphers[:min(len(t.Client.Ciphers), 64)] {
			offered = append(offered, SuiteNameTLCP(s))
		}
		e.Strs(event.TLCPOffered, offered)
	}
	if t.Server.Seen {
		e.Str(event.TLCPSuite, SuiteNameTLCP(t.Server.Cipher))
	}
	for dir, names := range [2][5]string{
		{event.TLCPClientSignSubject, event.TLCPClientSignSerial, event.TLCPClientEncryptSubject, event.TLCPClientEncryptSerial, event.TLCPClientSM2},
		{event.TLCPServerSignSubject, event.TLCPServerSignSerial, event.TLCPServerEncryptSubject, event.TLCPServerEncryptSerial, event.TLCPServerSM2},
	} {
		chain := t.Chain[dir]
		if len(chain) > 0 {
			e.Str(names[0], chain[0].Subject)
			e.Str(names[1], chain[0].Serial)
			e.Bool(names[4], chain[0].SM2)
		}
		if c := t.EncryptionCertificate(flow.Direction(dir)); c != nil {
			e.Str(names[2], c.Subject)
			e.Str(names[3], c.Serial)
		}
	}
}

// EncryptionCertificate is the second of a pair of TLCP: the one of its side's encryption key. nil when there is none.
func (t *Transaction) EncryptionCertificate(dir flow.Direction) *Certificate {
	if chain := t.Chain[dir]; t.TLCP && len(chain) > 1 {
		return &chain[1]
	}
	return nil
}
