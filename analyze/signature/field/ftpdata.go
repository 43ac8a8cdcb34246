package field

import (
	"errors"
	"strings"

	"fengsui/capture/flow"
	ftpproto "fengsui/capture/proto/ftp"
)

// ftpDataCommand reads the value of ftpdata_command.
func ftpDataCommand(value string) (func(v *View) bool, error) {
	want := strings.ToUpper(value)
	if want != "RETR" && want != "STOR" {
		return nil, errors.New("want retr or stor")
	}
	return func(v *View) bool { return v.Tx.(*ftpproto.DataTransaction).Command == want }, nil
}

func ftpData() Protocol {
	return Protocol{
		App: flow.AppFTPData,
		Tests: []Test{
			{Names: []string{"ftpdata_command"}, Dirs: Both, Need: After(ftpproto.Commanded), Value: ValueNeeded, Parse: ftpDataCommand},
		},
		Files: Both,
	}
}
