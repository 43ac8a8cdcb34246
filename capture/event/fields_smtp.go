package event

// KindSMTP is a mail on its way by SMTP.
const KindSMTP Kind = "smtp"

// Fields of SMTP.
const (
	SMTPHelo      = "fengsui.smtp.helo"
	SMTPMailFrom  = "fengsui.smtp.mail_from"
	SMTPRcptTo    = "fengsui.smtp.rcpt_to"
	SMTPReplyCode = "fengsui.smtp.reply_code" // the server's answer to the mail
	SMTPTLS       = "fengsui.smtp.tls"        // STARTTLS was agreed on
)
