package field

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	smbproto "fengsui/capture/proto/smb"
)

// smbText makes a sticky buffer of what requests say.
func smbText(get func(t *smbproto.Transaction) []byte, names ...string) Buffer {
	return Buffer{
		Names: names, Dirs: ToServer, Need: After(smbproto.Done),
		Get: func(v *View, _ int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*smbproto.Transaction)
			if !ok {
				return nil, false
			}
			b := get(t)
			return b, len(b) > 0
		},
	}
}

// smb is the table of SMB: its own keywords and those of the calls in its pipes.
func smb() Protocol {
	p := Protocol{App: flow.AppSMB, Files: Both, Events: smbproto.Anomalies}
	p.Buffers = append(rpcBuffers(),
		smbText(func(t *smbproto.Transaction) []byte {
			if !t.Pipe {
				return nil
			}
			return t.Share
		}, "smb.named_pipe", "smb_named_pipe"),
		smbText(func(t *smbproto.Transaction) []byte {
			if t.Pipe {
				return nil
			}
			return t.Share
		}, "smb.share", "smb_share"),
		smbText(func(t *smbproto.Transaction) []byte {
			if t.NTLM == nil {
				return nil
			}
			return t.NTLM.User
		}, "smb.ntlmssp_user"),
		smbText(func(t *smbproto.Transaction) []byte {
			if t.NTLM == nil {
				return nil
			}
			return t.NTLM.Domain
		}, "smb.ntlmssp_domain"),
	)
	p.Tests = append(rpcTests(),
		Test{Names: []string{"smb.version"}, Dirs: Both, Need: After(smbproto.Begun), Value: ValueNeeded, Parse: parseSMBVersion},
		Test{Names: []string{"smb.cmd"}, Dirs: Both, Need: After(smbproto.Begun), Value: ValueNeeded, Parse: parseSMBCommand},
	)
	return p
}

// parseSMBVersion reads 1 or 2.
func parseSMBVersion(value string) (func(v *View) bool, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 8)
	if err != nil || n != 1 && n != 2 {
		return nil, errors.New("version is neither 1 nor 2")
	}
	return func(v *View) bool {
		t, ok := v.Tx.(*smbproto.Transaction)
		return ok && uint64(t.Version) == n
	}, nil
}

// parseSMBCommand reads a list of command numbers (of either version) and names.
func parseSMBCommand(value string) (func(v *View) bool, error) {
	var one, two [256]bool
	for _, p := range strings.Split(value, ",") {
		p = strings.ToLower(strings.TrimSpace(p))
		if n, err := strconv.ParseUint(p, 0, 8); err == nil {
			one[n], two[n] = true, true
			continue
		}
		first, ok1 := smbproto.Command1(p)
		second, ok2 := smbproto.Command2(p)
		if !ok1 && !ok2 {
			return nil, fmt.Errorf("%q is no command of SMB", p)
		}
		if ok1 {
			one[first] = true
		}
		if ok2 {
			two[second] = true
		}
	}
	return func(v *View) bool {
		t, ok := v.Tx.(*smbproto.Transaction)
		if !ok || t.Command > 255 {
			return false
		}
		if t.Version == 2 {
			return two[t.Command]
		}
		return one[t.Command]
	}, nil
}
