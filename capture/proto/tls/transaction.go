package tls

import (
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of one side of a handshake.
const (
	NotStarted     = iota
	HelloDone      // ClientHello or ServerHello parsed
	CertDone       // certificate message parsed, or known not to come
	HandshakeDone  // ServerHelloDone seen, or encryption has begun
	EncryptedPhase // application data or the end of the flow; nothing further is parsed
)

// Certificate is one X.509 certificate of a chain.
type Certificate struct {
	DER         []byte
	Subject     string // "C=CN, O=…, CN=…" in the order of the certificate
	Issuer      string
	Serial      string // hexadecimal bytes joined by colons, upper case
	Fingerprint string // SHA-1, hexadecimal bytes joined by colons, lower case
	NotBefore   time.Time
	NotAfter    time.Time
	AltNames    []string // DNS names and addresses
	// KeyUsage is the key usage extension: bit 0 digital signature, 2 key encipherment, 3 data encipherment, 4 key agreement
	// (RFC 5280 4.2.1.3); 0 when it is not there.
	KeyUsage uint16
	// SM2 tells that the key lies on the curve of GB/T 32918 (1.2.156.10197.1.301); Signature is the object identifier of the
	// issuer's signature algorithm, 1.2.156.10197.1.501 for SM2 with SM3.
	SM2       bool
	Signature string

	fault string // anomaly: what kept it from being read
}

// ClientHello is what the client offered.
type ClientHello struct {
	Seen          bool
	LegacyVersion uint16
	Versions      []uint16 // supported_versions, without GREASE
	Random        []byte
	SessionID     []byte
	Ciphers       []uint16 // all, in order, GREASE included
	Extensions    []uint16 // all types, in order, GREASE included
	Groups        []uint16
	PointFormats  []uint8
	SigAlgs       []uint16
	SNI           []byte // host_name, as sent
	ALPN          [][]byte
	JA3, JA3Hash  string
	JA4           string

	transport byte     // of JA4, 't' when 0
	named     bool     // the extension of server names was seen
	oddities  []string // anomalies of its extensions
}

// ServerHello is what the server chose.
type ServerHello struct {
	Seen           bool
	LegacyVersion  uint16
	Version        uint16 // with supported_versions applied
	Random         []byte
	SessionID      []byte
	Cipher         uint16
	Extensions     []uint16
	ALPN           []byte
	JA3S, JA3SHash string
}

// Transaction is the one TLS handshake of a flow.
type Transaction struct {
	proto.State
	Client ClientHello
	Server ServerHello
	// Version is the negotiated version, or the record version while it is not known: 0x0300 … 0x0304, 0x0002 for SSLv2.
	Version uint16
	// Chain is by flow.Direction: certificates the client sent, certificates the server sent, leaf first. The fields of the
	// first two are read, of the others there is DER.
	Chain [2][]Certificate
	// Resumed: the session was resumed (same non-empty session ID, or no certificate before encryption, TLS <= 1.2).
	Resumed bool
	// Encrypted is set once each side has switched to encryption.
	Encrypted [2]bool
	// Established: both sides have finished the visible part of the handshake.
	Established bool
	// Alert is the last clear-text alert, level<<8 | description.
	Alert uint16
	// TLCP: the handshake is TLCP's. Its chains begin with the certificate to sign and the one to encrypt with.
	TLCP bool

	progress [2]int
}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string {
	if t.TLCP {
		return "tlcp"
	}
	return "tls"
}

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == EncryptedPhase }

var _ proto.Transaction = (*Transaction)(nil)
