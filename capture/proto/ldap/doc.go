// Package ldap reads LDAP version 2 and 3 (RFC 4511) over TCP, up to TLS or a SASL security layer, and over UDP (CLDAP,
// [MS-ADTS] 6.3.3).
//
// A transaction is a request with all its responses, matched by message ID; a response to nothing (a notice of
// disconnection) is one by itself. Read: operations, distinguished names, attribute types and values, search filters as
// text (RFC 4515), results, extended operations by name. Passwords of simple binds are not kept, attribute values never
// stand in events. StartTLS (4.14) hands the flow back to recognition.
//
// Inside a SASL security layer messages are read as long as they are only signed (Kerberos, NTLM); parsing ends where they
// are sealed.
//
// Raw matching at message borders (Context.Flush) is not asked for: LDAP on any port would be judged twice by rules on
// payloads.
//
// Not read: controls, the contents of extended operations and SASL credentials.
//
// Limits of a flow: messages of at most 160 KiB (a longer one is passed over), 256 requests that wait, of each 512
// responses (more are counted), texts of 4 KiB, 512 attributes and 256 KiB of texts a transaction; 8192 responses and
// 4 MiB for all that wait. After a gap a direction looks for what begins like a message.
//
// Concurrency: a parser belongs to the worker of its flow.
package ldap

// Anomalies are the names Transaction.Anomalies can hold, those of app-layer-event:ldap. Never written.
var Anomalies = []string{"incomplete_data", "invalid_data", "request_not_found", "too_many_transactions"}

const (
	messageMax    = 160 << 10
	pendingMax    = 256
	responsesMax  = 512
	textMax       = 4 << 10
	attributesMax = 512
	keptMax       = 256 << 10 // bytes of texts of a transaction
	poolMax       = 4 << 20   // and of all unfinished ones of a flow
	poolResponses = 8192      // responses of all unfinished ones
	filterMax     = textMax

	startTLS = "1.3.6.1.4.1.1466.20037"
)
