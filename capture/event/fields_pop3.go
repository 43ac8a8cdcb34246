package event

// KindPOP3 is a POP3 command with its response.
const KindPOP3 Kind = "pop3"

// Fields of POP3; user.name is who logs in, email.* the mail fetched.
const (
	POP3Command = "fengsui.pop3.request.command"
	POP3Args    = "fengsui.pop3.request.args" // secrets masked
	POP3Status  = "fengsui.pop3.response.status"
	POP3Header  = "fengsui.pop3.response.header"
	POP3Data    = "fengsui.pop3.response.data" // lines of a response that is no mail
)
