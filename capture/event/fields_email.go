package event

// Fields of mails, however they travel. ECS where it has them.
const (
	EmailFrom        = "email.from.address"
	EmailTo          = "email.to.address"
	EmailCc          = "email.cc.address"
	EmailReplyTo     = "email.reply_to.address"
	EmailSubject     = "email.subject"
	EmailMessageID   = "email.message_id"
	EmailXMailer     = "email.x_mailer"
	EmailDate        = "email.origination_timestamp"
	EmailAttachments = "email.attachments.file.name"
	EmailDateText    = "fengsui.email.date" // as sent
	EmailURLs        = "fengsui.email.url"
	EmailBodyMD5     = "fengsui.email.body_md5"
	EmailStatus      = "fengsui.email.status" // PARSE_DONE, BODY_STARTED, HEADER_STARTED: how far the mail was seen
	EmailBytes       = "fengsui.email.bytes"
)
