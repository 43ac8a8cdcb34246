package event

// KindIMAP is an IMAP command with its responses.
const KindIMAP Kind = "imap"

// Fields of IMAP; user.name is who logs in, email.* the first mail carried.
const (
	IMAPTag            = "fengsui.imap.tag"
	IMAPCommand        = "fengsui.imap.command"
	IMAPRequests       = "fengsui.imap.requests" // lines, secrets masked
	IMAPResponses      = "fengsui.imap.responses"
	IMAPStatus         = "fengsui.imap.status" // OK, NO, BAD
	IMAPMailbox        = "fengsui.imap.mailbox"
	IMAPEmails         = "fengsui.imap.email.count"
	IMAPEmailDirection = "fengsui.imap.email.direction" // to_server, to_client
)
