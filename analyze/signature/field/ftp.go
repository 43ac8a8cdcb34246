package field

import (
	"errors"
	"strings"

	"fengsui/capture/flow"
	ftpproto "fengsui/capture/proto/ftp"
)

func ftpOf(v *View) *ftpproto.Transaction { return v.Tx.(*ftpproto.Transaction) }

// ftpCommand makes a buffer out of the command line.
func ftpCommand(name string, get func(t *ftpproto.Transaction) []byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: ToServer, Need: Need{ftpproto.Commanded, 0}, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		if i > 0 {
			return nil, false
		}
		data := get(ftpOf(v))
		return data, data != nil
	}}
}

// ftpReplies makes a buffer out of the reply lines that have what is asked for.
func ftpReplies(name string, get func(r *ftpproto.Reply) []byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: ToClient, Multi: true, Grows: true, Ended: atOnce, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		replies := ftpOf(v).Replies
		for k := range replies {
			if data := get(&replies[k]); data != nil {
				if i == 0 {
					return data, true
				}
				i--
			}
		}
		return nil, false
	}}
}

// ftpMode reads the value of ftp.mode.
func ftpMode(value string) (func(v *View) bool, error) {
	var want ftpproto.Mode
	switch strings.ToLower(value) {
	case "active":
		want = ftpproto.Active
	case "passive":
		want = ftpproto.Passive
	default:
		return nil, errors.New("want active or passive")
	}
	return func(v *View) bool { return ftpOf(v).Mode == want }, nil
}

// ftpReplied reads the value of ftp.reply_received. It is asked of commands only, not of the greeting.
func ftpReplied(value string) (func(v *View) bool, error) {
	var want bool
	switch strings.ToLower(value) {
	case "yes", "on", "true", "1":
		want = true
	case "no", "off", "false", "0":
	default:
		return nil, errors.New("want yes, on, no or off")
	}
	return func(v *View) bool {
		t := ftpOf(v)
		return t.Command != nil && len(t.Replies) > 0 == want
	}, nil
}

func ftp() Protocol {
	done := After(ftpproto.Done)
	return Protocol{
		App: flow.AppFTP,
		Buffers: []Buffer{
			ftpCommand("ftp.command", func(t *ftpproto.Transaction) []byte { return t.Command }),
			ftpCommand("ftp.command_data", func(t *ftpproto.Transaction) []byte { return t.Data }),
			ftpReplies("ftp.reply", func(r *ftpproto.Reply) []byte { return r.Text }),
			ftpReplies("ftp.completion_code", func(r *ftpproto.Reply) []byte { return r.Code }),
		},
		Numbers: []Number{{
			Names: []string{"ftp.dynamic_port"}, Dirs: Both, Need: done, Max: 65535,
			Get: func(v *View, i int) (uint64, bool) {
				t := ftpOf(v)
				return uint64(t.Port), i == 0 && t.Port > 0
			},
		}},
		Tests: []Test{
			{Names: []string{"ftp.mode"}, Dirs: Both, Need: done, Value: ValueNeeded, Parse: ftpMode},
			{Names: []string{"ftp.reply_received"}, Dirs: ToClient, Need: done, Value: ValueNeeded, Parse: ftpReplied},
			{Names: []string{"ftpbounce"}, Dirs: ToServer, Need: Need{ftpproto.Commanded, 0}, Value: ValueNone, Parse: func(string) (func(v *View) bool, error) {
				return func(v *View) bool { return ftpOf(v).Bounce }, nil
			}},
		},
		Frames: []Buffer{
			{Names: []string{"command_line"}, Dirs: ToServer, Need: Need{ftpproto.Commanded, 0}, Get: ftpCommand("", func(t *ftpproto.Transaction) []byte { return t.Line }).Get},
		},
		Events: ftpproto.Anomalies,
	}
}
