package field

import "fengsui/capture/proto/mime"

// emailBuffers are the keywords that look at a mail, whatever carries it. A header's values are final at header, what
// comes of the body at done.
func emailBuffers(dirs Dirs, header, done Need, mail func(v *View) *mime.Mail) []Buffer {
	one := func(name, field string) Buffer {
		return Buffer{Names: []string{name}, Dirs: dirs, Need: header, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			m := mail(v)
			if m == nil || i > 0 {
				return nil, false
			}
			return m.Value(field)
		}}
	}
	return []Buffer{
		one("email.from", "from"),
		one("email.to", "to"),
		one("email.cc", "cc"),
		one("email.subject", "subject"),
		one("email.date", "date"),
		one("email.message_id", "message-id"),
		one("email.x_mailer", "x-mailer"),
		{Names: []string{"email.received"}, Dirs: dirs, Need: header, Multi: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			m := mail(v)
			if m == nil {
				return nil, false
			}
			return m.Nth("received", i)
		}},
		{Names: []string{"email.url"}, Dirs: dirs, Need: header, Multi: true, Grows: true, Ended: atOnce, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			m := mail(v)
			if m == nil || i >= len(m.URLs) {
				return nil, false
			}
			return m.URLs[i], true
		}},
		{Names: []string{"email.body_md5"}, Dirs: dirs, Need: done, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			m := mail(v)
			if m == nil || i > 0 || m.BodyMD5 == nil {
				return nil, false
			}
			return m.BodyMD5, true
		}},
	}
}
