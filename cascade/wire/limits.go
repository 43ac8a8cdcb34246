package wire

import "time"

// Limits of what one peer may send or one table may keep. A sender keeps to them, a receiver
// refuses what does not: see each message's Check. Units come last in the names.
const (
	// FrameBytesMax caps one frame of any interface, before it is allocated.
	FrameBytesMax = 640 << 10

	// BatchRecordsMax and BatchBytesMax close a batch, whichever comes first. A record of
	// the greatest size always fits into a batch of its own.
	BatchRecordsMax = 256
	BatchBytesMax   = 256 << 10
	// RecordPayloadBytesMax caps one record's payload.
	RecordPayloadBytesMax = 224 << 10
	// RecordTypeBytesMax caps the name of a record's type.
	RecordTypeBytesMax = 64
	// IDBytes is the length of record, invite, query and session identifiers.
	IDBytes = 16
	// DigestBytes is the length of an SM3 digest or fingerprint.
	DigestBytes = 32

	// HelloLanesMax caps the lanes of one UploadHello and the marks answering it; further
	// lanes come in further hellos.
	HelloLanesMax = 1024
	// SessionLanesMax caps the lanes one upload session may name in all.
	SessionLanesMax = 64 << 10
	// WindowBatches is how many batches of one lane may be under way unanswered.
	WindowBatches = 8
	// ReceiptsMax caps the receipts of one frame.
	ReceiptsMax = 1024

	// TextBytesMax caps every text meant for a person (reasons, statuses).
	TextBytesMax = 1024
	// NameBytesMax caps names of sites, nodes, documents, kinds, users.
	NameBytesMax = 128
	// SiteBytesMax caps a site code.
	SiteBytesMax = 32

	// AddressesMax and AddressBytesMax cap the addresses of one site.
	AddressesMax    = 16
	AddressBytesMax = 255
	// ChainCertsMax and CertBytesMax cap a certificate chain.
	ChainCertsMax = 10
	CertBytesMax  = 8 << 10
	// SecretsBytesMax caps the sealed secrets a new node gets.
	SecretsBytesMax = 64 << 10
	// SummarySitesMax caps the sites of a summary, SiteNodesMax the nodes of each.
	SummarySitesMax = 4096
	SiteNodesMax    = 16
	// InvitesMax caps the invites a site keeps; the oldest that can no longer be used go first.
	InvitesMax = 4096

	// DocumentBodyBytesMax caps a document's body.
	DocumentBodyBytesMax = 64 << 20
	// DocumentChunkBytes is the size of a body's pieces on the wire and in the ledger; a
	// body up to one chunk travels inside its document.
	DocumentChunkBytes = 256 << 10
	// DocumentTargetsMax caps a document's targets.
	DocumentTargetsMax = 1024
	// HelloVersionsMax caps the versions of one IssueHello.
	HelloVersionsMax = 1024
	// DocumentsMax caps the documents (issuer, kind, name) one site holds.
	DocumentsMax = 16 << 10
	// ReportStatesMax caps the states of one report.
	ReportStatesMax = 512

	// QueryExprBytesMax caps a query's expression.
	QueryExprBytesMax = 16 << 10
	// QueryRowsMax and QueryBytesMax cap what one question may bring back.
	QueryRowsMax  = 10_000
	QueryBytesMax = 16 << 20
	// QueryTimeMax caps how long one question may run.
	QueryTimeMax = 5 * time.Minute
	// QueriesOpenMax caps the questions under way on one session.
	QueriesOpenMax = 64
	// PageRowsMax and PageBytesMax close a page, whichever comes first.
	PageRowsMax  = 256
	PageBytesMax = 256 << 10

	// AlertLabelsMax caps the repeated fields of an alert.
	AlertLabelsMax = 256
)

// Times of the sessions.
const (
	// WriteTimeout ends a session whose peer does not take what is sent.
	WriteTimeout = 20 * time.Second
	// HelloTimeout ends a session whose first frame does not come.
	HelloTimeout = 10 * time.Second
	// ReceiptTimeout ends an upload session whose batches are not answered.
	ReceiptTimeout = 30 * time.Second
	// HeartbeatEvery is the time between heartbeats, HeartbeatLost the silence after which
	// a child counts as offline (design §6: marked within 10 s).
	HeartbeatEvery = 2 * time.Second
	HeartbeatLost  = 7 * time.Second
)
