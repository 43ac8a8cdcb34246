package field

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto/mime"
	smtpproto "fengsui/capture/proto/smtp"
)

func smtpOf(v *View) *smtpproto.Transaction { return v.Tx.(*smtpproto.Transaction) }

// smtpLines makes a frame out of the lines of a direction, as sent but for their ends.
func smtpLines(name string, dirs Dirs, get func(t *smtpproto.Transaction) [][]byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: dirs, Multi: true, Grows: true, Ended: atOnce, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		list := get(smtpOf(v))
		if i >= len(list) {
			return nil, false
		}
		return list[i], true
	}}
}

func smtp() Protocol {
	one := func(name string, need int, get func(t *smtpproto.Transaction) []byte) Buffer {
		return Buffer{Names: []string{name}, Dirs: ToServer, Need: Need{need, 0}, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			if i > 0 {
				return nil, false
			}
			data := get(smtpOf(v))
			return data, data != nil
		}}
	}
	return Protocol{
		App: flow.AppSMTP,
		Buffers: append([]Buffer{
			one("smtp.helo", smtpproto.Greeted, func(t *smtpproto.Transaction) []byte { return t.Helo }),
			one("smtp.mail_from", smtpproto.Envelope, func(t *smtpproto.Transaction) []byte { return t.MailFrom }),
			smtpLines("smtp.rcpt_to", ToServer, func(t *smtpproto.Transaction) [][]byte { return t.RcptTo }),
		}, emailBuffers(ToServer, Need{smtpproto.InBody, 0}, Need{smtpproto.Done, 0}, false, func(v *View) []*mime.Mail { return oneMail(smtpOf(v).Mail) })...),
		Frames: []Buffer{
			smtpLines("command_line", ToServer, func(t *smtpproto.Transaction) [][]byte { return t.Commands }),
			smtpLines("response_line", ToClient, func(t *smtpproto.Transaction) [][]byte { return t.Replies }),
			{Names: []string{"data"}, Dirs: ToServer, Need: Need{smtpproto.InHeader, 0}, Grows: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
				m := smtpOf(v).Mail
				if m == nil || i > 0 {
					return nil, false
				}
				return m.Raw, len(m.Raw) > 0
			}},
		},
		Files:  ToServer,
		Events: smtpproto.Anomalies,
	}
}
