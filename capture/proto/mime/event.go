package mime

import (
	"net/mail"
	"strings"

	"fengsui/capture/event"
)

// Event adds what is known of the mail to an event.
func (m *Mail) Event(e *event.Event) {
	e.Strs(event.EmailFrom, m.addresses("from"))
	e.Strs(event.EmailTo, m.addresses("to"))
	e.Strs(event.EmailCc, m.addresses("cc"))
	e.Strs(event.EmailReplyTo, m.addresses("reply-to"))
	e.Str(event.EmailSubject, m.text("subject"))
	e.Str(event.EmailMessageID, m.text("message-id"))
	e.Str(event.EmailXMailer, m.text("x-mailer"))
	if date := m.text("date"); date != "" {
		e.Str(event.EmailDateText, date)
		if at, err := mail.ParseDate(date); err == nil {
			e.At(event.EmailDate, at)
		}
	}
	e.Strs(event.EmailAttachments, texts(m.Attachments))
	e.Strs(event.EmailURLs, texts(m.URLs))
	e.Bytes(event.EmailBodyMD5, m.BodyMD5)
	e.Uint(event.EmailBytes, m.Size)
	switch {
	case m.Over && !m.Lost:
		e.Str(event.EmailStatus, "PARSE_DONE")
	case m.HeaderDone:
		e.Str(event.EmailStatus, "BODY_STARTED")
	default:
		e.Str(event.EmailStatus, "HEADER_STARTED")
	}
}

func (m *Mail) text(name string) string {
	if f := m.Field(name); f != nil {
		return f.Text()
	}
	return ""
}

// addresses splits a field into addresses, at commas outside quotes, brackets and comments.
func (m *Mail) addresses(name string) []string {
	var list []string
	s := m.text(name)
	quoted, comment, from := false, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			comment++
		case c == ')' && comment > 0:
			comment--
		case c == ',' && comment == 0:
			list = add(list, s[from:i])
			from = i + 1
		}
	}
	return add(list, s[from:])
}

func add(list []string, s string) []string {
	if s = strings.TrimSpace(s); s != "" {
		list = append(list, s)
	}
	return list
}

func texts(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}
