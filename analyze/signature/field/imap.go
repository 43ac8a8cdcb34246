package field

import (
	"bytes"

	"fengsui/capture/flow"
	imapproto "fengsui/capture/proto/imap"
	"fengsui/capture/proto/mime"
)

func imapOf(v *View) *imapproto.Transaction { return v.Tx.(*imapproto.Transaction) }

// imapMails are the mails that go the way the side looked at sends.
func imapMails(v *View) []*mime.Mail { return imapOf(v).Mails[v.Dir] }

// imapLines makes a buffer out of the lines of a side.
func imapLines(dirs Dirs, get func(t *imapproto.Transaction) [][]byte, name string) Buffer {
	return Buffer{Names: []string{name}, Dirs: dirs, Multi: true, Grows: true, Ended: atOnce, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		list := get(imapOf(v))
		if i >= len(list) {
			return nil, false
		}
		return list[i], true
	}}
}

// imapHeader makes a buffer out of each header field of the mails.
func imapHeader(name string, get func(f *mime.Field, scratch []byte) []byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: Both, Multi: true, Grows: true, Ended: atOnce, Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
		return carriedMails(imapMails).values(v, i, func(m *mime.Mail, k int) ([]byte, bool) {
			if k >= len(m.Fields) {
				return nil, false
			}
			return get(&m.Fields[k], scratch), true
		})
	}}
}

// headerName appends a field's name as imap.email.header shows it: in lower case, hyphens as underscores.
func headerName(f *mime.Field, scratch []byte) []byte {
	for _, c := range f.Name {
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		case c == '-':
			c = '_'
		}
		scratch = append(scratch, c)
	}
	return scratch
}

func imap() Protocol {
	begun := After(imapproto.Begun)
	return Protocol{
		App: flow.AppIMAP,
		Buffers: append([]Buffer{
			imapLines(ToServer, func(t *imapproto.Transaction) [][]byte { return t.Requests }, "imap.request"),
			imapLines(ToClient, func(t *imapproto.Transaction) [][]byte { return t.Responses }, "imap.response"),
			{Names: []string{"imap.email.body"}, Dirs: Both, Multi: true, Grows: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
				if list := imapMails(v); i < len(list) {
					return list[i].Body, true
				}
				return nil, false
			}, Ended: func(v *View, i int) bool {
				list := imapMails(v)
				return i < len(list) && list[i].Over
			}},
			imapHeader("imap.email.header", func(f *mime.Field, scratch []byte) []byte {
				return append(append(headerName(f, scratch), ": "...), f.Unfolded()...)
			}),
			imapHeader("imap.email.header.name", headerName),
			imapHeader("imap.email.header.value", func(f *mime.Field, _ []byte) []byte { return bytes.Clone(f.Unfolded()) }),
		}, emailBuffers(Both, begun, begun, true, imapMails)...),
		Numbers: []Number{{
			Names: []string{"imap.email.direction"}, Dirs: Both, Max: 1, Words: map[string]uint64{"to_server": 0, "to_client": 1}, Late: true,
			Get: func(v *View, i int) (uint64, bool) { return uint64(v.Dir), i == 0 && len(imapMails(v)) > 0 },
		}},
		Frames: []Buffer{
			{Names: []string{"pdu"}, Dirs: Both, Multi: true, Grows: true, Ended: atOnce, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
				list := imapOf(v).Requests
				if v.Dir == flow.ToClient {
					list = imapOf(v).Responses
				}
				if i >= len(list) {
					return nil, false
				}
				return list[i], true
			}},
		},
		Files:  Both,
		Events: imapproto.Anomalies,
	}
}
