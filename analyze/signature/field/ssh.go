package field

import (
	"errors"
	"regexp"

	"fengsui/capture/flow"
	sshproto "fengsui/capture/proto/ssh"
)

func sshOf(v *View) *sshproto.Transaction { return v.Tx.(*sshproto.Transaction) }

// sshBuffer makes a buffer out of something each side says about itself.
func sshBuffer(dirs Dirs, need int, get func(t *sshproto.Transaction, side flow.Direction) []byte, names ...string) Buffer {
	return Buffer{Names: names, Dirs: dirs, Need: After(need), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		if i > 0 {
			return nil, false
		}
		data := get(sshOf(v), v.Dir)
		return data, len(data) > 0
	}}
}

// sshVersion reads what ssh.protoversion compares with.
func sshVersion(value string) (func(v *View) bool, error) {
	if value == "2_compat" {
		return func(v *View) bool {
			p := string(sshOf(v).Ident[v.Dir].Proto)
			return p == "2" || p == "2.0" || p == "1.99"
		}, nil
	}
	if !sshVersionForm.MatchString(value) {
		return nil, errors.New("want a version such as 2.0, or 2_compat")
	}
	return func(v *View) bool { return string(sshOf(v).Ident[v.Dir].Proto) == value }, nil
}

// sshVersionForm is never written.
var sshVersionForm = regexp.MustCompile(`^[0-9](\.[0-9]{1,2})?$`)

// sshSoftware reads what ssh.softwareversion compares with: the whole software version.
func sshSoftware(value string) (func(v *View) bool, error) {
	if value == "" {
		return nil, errors.New("want a software version")
	}
	return func(v *View) bool { return string(sshOf(v).Ident[v.Dir].Software) == value }, nil
}

func ssh() Protocol {
	type tx = *sshproto.Transaction
	return Protocol{
		App: flow.AppSSH,
		Buffers: []Buffer{
			sshBuffer(Both, sshproto.BannerDone, func(t tx, d flow.Direction) []byte { return t.Ident[d].Proto }, "ssh.proto", "ssh_proto"),
			sshBuffer(Both, sshproto.BannerDone, func(t tx, d flow.Direction) []byte { return t.Ident[d].Software }, "ssh.software", "ssh_software"),
			sshBuffer(ToServer, sshproto.KexDone, func(t tx, d flow.Direction) []byte { return t.Offer[d].HASSH }, "ssh.hassh", "ssh-hassh"),
			sshBuffer(ToServer, sshproto.KexDone, func(t tx, d flow.Direction) []byte { return t.Offer[d].HASSHString }, "ssh.hassh.string", "ssh-hassh-string"),
			sshBuffer(ToClient, sshproto.KexDone, func(t tx, d flow.Direction) []byte { return t.Offer[d].HASSH }, "ssh.hassh.server", "ssh-hassh-server"),
			sshBuffer(ToClient, sshproto.KexDone, func(t tx, d flow.Direction) []byte { return t.Offer[d].HASSHString }, "ssh.hassh.server.string", "ssh-hassh-server-string"),
		},
		Tests: []Test{
			{Names: []string{"ssh.protoversion"}, Dirs: Both, Need: After(sshproto.BannerDone), Value: ValueNeeded, Parse: sshVersion},
			{Names: []string{"ssh.softwareversion"}, Dirs: Both, Need: After(sshproto.BannerDone), Value: ValueNeeded, Parse: sshSoftware},
		},
		Events: sshproto.Anomalies,
	}
}
