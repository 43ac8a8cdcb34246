// Package smb reads SMB 1 ([MS-CIFS], [MS-SMB]), 2 and 3 ([MS-SMB2]) over direct TCP (445) and the NetBIOS session service
// (RFC 1002 4.3; 139).
//
// A transaction is a request with its response, matched by message ID; what a file carries is one transaction for each
// handle and direction (reads, writes), and a DCE/RPC call in a named pipe is one transaction whatever commands carried it.
// Read: negotiation, session setup (NTLMSSP names; realm and service of a Kerberos ticket), tree connect, create/open with
// file names, reads and writes with their offsets, close, rename, delete, ioctl and transact, compounds and AndX chains.
// Bulk data goes into files as it comes, without waiting for a record to be whole.
//
// Not read: what is encrypted ([MS-SMB2] 2.2.41) or compressed (2.2.42): the flow says so and the records are passed over;
// directory listings; the data of transactions other than pipes, renames and deletions.
//
// Limits of a flow: 256 requests waiting for their response, 256 open handles, 64 trees, 16 pipes with calls (the oldest is forgotten beyond
// them; a file then ends truncated); names 4 KiB; commands are looked at as a whole up to 128 KiB; file data that comes out
// of order waits in at most 64 pieces and 4 MiB a file, 16 MiB a flow. A file keeps what package file keeps.
//
// The parser does not ask for raw matching at record borders (Context.Flush): rules on port 445 that match the payload
// of packets would be judged twice.
//
// After a gap in a file's bytes the file has the gap; after any other the next plausible record is looked for.
//
// Concurrency: a parser belongs to the worker of its flow.
package smb

const (
	nbssBytes    = 4 // type and 24-bit length
	pendingMax   = 256
	handlesMax   = 256
	treesMax     = 64
	pipesMax     = 16
	nameMax      = 4 << 10
	dialectsMax  = 64
	wholeMax     = 128 << 10 // a command is waited for as a whole up to this size
	streamedMin  = 4 << 10   // writes and reads from this size on are not waited for
	sizeLimit    = 16 << 20  // reads and writes above it are noted, as Suricata's defaults do
	blobMax      = 64 << 10  // of a security token
	resyncWindow = nbssBytes + 4
)

// Anomalies are the names Transaction.Anomalies can hold, those of app-layer-event:smb. Never written.
var Anomalies = []string{
	"malformed_data", "malformed_ntlmssp_request", "malformed_ntlmssp_response", "negotiate_malformed_dialects", "file_overlap",
	"response_to_server", "request_to_client", "read_request_too_large", "read_response_too_large", "write_request_too_large",
	"negotiate_max_read_size_too_large", "negotiate_max_write_size_too_large", "read_queue_size_exceeded", "read_queue_cnt_exceeded",
	"write_queue_size_exceeded", "write_queue_cnt_exceeded", "record_overflow", "duplicate_negotiate",
	"internal_error", // known to rules, never raised here
}
