package quic

import (
	"encoding/hex"
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/tls"
)

// Progress of a packet.
const (
	NotStarted = iota
	Done
)

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:quic. Never written.
var Anomalies = []string{"failed_decrypt", "error_on_data", "error_on_header", "crypto_frag_too_long"}

// Transaction is one packet with a long header.
type Transaction struct {
	proto.State
	Version [4]byte // as sent; zero for version negotiation
	// Client and Server are the hello the packet completes.
	Client *tls.ClientHello
	Server *tls.ServerHello
	// SNI and UserAgent are those of the hello, or of a CHLO of Google's QUIC.
	SNI, UserAgent []byte
	// CYU is the fingerprint of a CHLO (version and tags), CYUHash its MD5.
	CYU, CYUHash string
}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "quic" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// VersionName writes the version as records do: "1", "ff00001c", "Q046".
func (t *Transaction) VersionName() string {
	if t.Version[0] == 'Q' {
		return string(t.Version[:])
	}
	n := uint64(be.Uint32(t.Version[:]))
	if n < 0x10000 {
		return strconv.FormatUint(n, 16)
	}
	return hex.EncodeToString(t.Version[:])
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	e.Str(event.QUICVersion, t.VersionName())
	e.Bytes(event.TLSServerName, t.SNI)
	e.Bytes(event.QUICSNI, t.SNI)
	e.Bytes(event.QUICUserAgent, t.UserAgent)
	e.Str(event.QUICCYU, t.CYU)
	e.Str(event.QUICCYUHash, t.CYUHash)
	if c := t.Client; c != nil {
		e.Str(event.TLSClientJA3, c.JA3Hash)
		e.Str(event.TLSClientJA3String, c.JA3)
		e.Str(event.TLSClientJA4, c.JA4)
		alpn := make([]string, len(c.ALPN))
		for i, a := range c.ALPN {
			alpn[i] = string(a)
		}
		e.Strs(event.TLSClientALPN, alpn)
	}
	if s := t.Server; s != nil {
		e.Str(event.TLSServerJA3S, s.JA3SHash)
		e.Str(event.TLSServerJA3SStr, s.JA3S)
	}
}

var _ proto.Transaction = (*Transaction)(nil)
