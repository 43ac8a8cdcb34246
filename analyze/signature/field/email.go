package field

import "fengsui/capture/proto/mime"

// carriedMails are the mails of a transaction whose values keywords ask for: one, or several that come one after the other.
type carriedMails func(v *View) []*mime.Mail

// oneMail makes a list of at most one mail.
func oneMail(m *mime.Mail) []*mime.Mail {
	if m == nil {
		return nil
	}
	return []*mime.Mail{m}
}

// values goes through the values that get yields of each mail whose header is complete, and returns value i of all.
func (mails carriedMails) values(v *View, i int, get func(m *mime.Mail, k int) ([]byte, bool)) ([]byte, bool) {
	for _, m := range mails(v) {
		if !m.HeaderDone {
			continue
		}
		for k := 0; ; k++ {
			data, ok := get(m, k)
			if !ok {
				break
			}
			if i == 0 {
				return data, true
			}
			i--
		}
	}
	return nil, false
}

// emailBuffers are the keywords that look at mails, whatever carries them. A header's values are final at header, what
// comes of the body at done; several mails make them lists that grow.
func emailBuffers(dirs Dirs, header, done Need, several bool, mails carriedMails) []Buffer {
	var ended func(*View, int) bool
	if several {
		ended = atOnce
	}
	field := func(name, field string) Buffer {
		return Buffer{Names: []string{name}, Dirs: dirs, Need: header, Multi: several, Grows: several, Ended: ended, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			return mails.values(v, i, func(m *mime.Mail, k int) ([]byte, bool) {
				if k > 0 {
					return nil, false
				}
				return m.Value(field)
			})
		}}
	}
	return []Buffer{
		field("email.from", "from"),
		field("email.to", "to"),
		field("email.cc", "cc"),
		field("email.subject", "subject"),
		field("email.date", "date"),
		field("email.message_id", "message-id"),
		field("email.x_mailer", "x-mailer"),
		{Names: []string{"email.received"}, Dirs: dirs, Need: header, Multi: true, Grows: several, Ended: ended, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			return mails.values(v, i, func(m *mime.Mail, k int) ([]byte, bool) { return m.Nth("received", k) })
		}},
		{Names: []string{"email.url"}, Dirs: dirs, Need: header, Multi: true, Grows: true, Ended: atOnce, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			return mails.values(v, i, func(m *mime.Mail, k int) ([]byte, bool) {
				if k >= len(m.URLs) {
					return nil, false
				}
				return m.URLs[k], true
			})
		}},
		{Names: []string{"email.body_md5"}, Dirs: dirs, Need: done, Multi: several, Grows: several, Ended: ended, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			return mails.values(v, i, func(m *mime.Mail, k int) ([]byte, bool) { return m.BodyMD5, k == 0 && m.BodyMD5 != nil })
		}},
	}
}
