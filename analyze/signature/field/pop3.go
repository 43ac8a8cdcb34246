package field

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto/mime"
	pop3proto "fengsui/capture/proto/pop3"
)

// pop3 has the keywords of mails; Suricata has none of its own for POP3.
func pop3() Protocol {
	return Protocol{
		App: flow.AppPOP3,
		Buffers: emailBuffers(ToClient, Need{0, pop3proto.InBody}, Need{0, pop3proto.Done}, false, func(v *View) []*mime.Mail {
			return oneMail(v.Tx.(*pop3proto.Transaction).Mail)
		}),
		Files:  ToClient,
		Events: pop3proto.Anomalies,
	}
}
