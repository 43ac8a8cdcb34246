// Package krb5 reads Kerberos 5 (RFC 4120) between clients and the key distribution centre, over UDP and TCP (7.2.2: a
// length in front of each message). Each message is a transaction of its own, in its own direction: AS and TGS requests
// and replies, and errors.
//
// Read: client and server name, realm, the encryption types offered, chosen and used for the ticket, error code and text.
// Not read: what is encrypted, pre-authentication data, AP exchanges (they are embedded in other protocols).
//
// Limits: a message over TCP is at most 128 KiB (a longer one is passed over), names have at most 16 parts of 4 KiB, 64
// encryption types are kept. After a gap a direction waits for what looks like the beginning of a message.
//
// Concurrency: a parser belongs to the worker of its flow.
package krb5

// Anomalies are the names Transaction.Anomalies can hold, those of app-layer-event:krb5. Never written.
var Anomalies = []string{"malformed_data", "weak_encryption"}

const (
	messageMax = 128 << 10
	partsMax   = 16
	partMax    = 4 << 10
	etypesMax  = 64
	markBytes  = 4
)
