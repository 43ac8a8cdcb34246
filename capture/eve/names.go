package eve

// names puts right, by event type, the fields whose place in EVE is not the rest of their name. A path that begins with a slash
// stands beside the protocol's object; one that ends with ! takes only the first of a list; a part that ends with [] makes a list of objects of
// lists; "" leaves a field out. Never written.
var names = map[string]map[string]string{
	"smtp": mail, "pop3": mail, "imap": mail,
	"quic": {
		"tls.client.server_name": "sni", "tls.client.ja3": "ja3.hash", "fengsui.tls.client.ja3_string": "ja3.string",
		"fengsui.tls.client.ja4": "ja4", "fengsui.tls.client.alpn": "client_alpns", "tls.server.ja3s": "ja3s.hash",
		"fengsui.tls.server.ja3s_string": "ja3s.string", "fengsui.quic.sni": "",
	},
	"dcerpc": {
		"fengsui.dcerpc.interfaces.uuid": "interfaces[].uuid", "fengsui.dcerpc.interfaces.version": "interfaces[].version",
		"fengsui.dcerpc.interfaces.ack_result": "interfaces[].ack_result",
	},
	"smb": {
		"fengsui.smb.dcerpc.interfaces.uuid": "dcerpc.interfaces[].uuid", "fengsui.smb.dcerpc.interfaces.version": "dcerpc.interfaces[].version",
		"fengsui.smb.dcerpc.interfaces.ack_result": "dcerpc.interfaces[].ack_result",
	},
}

// mail are the fields of mails, which EVE has in an object beside that of the protocol that carries them. Never written.
var mail = map[string]string{
	"email.from.address": "/email.from!", "email.to.address": "/email.to", "email.cc.address": "/email.cc", "email.reply_to.address": "/email.reply_to",
	"email.subject": "/email.subject", "email.message_id": "/email.message_id", "email.x_mailer": "/email.x_mailer", "email.origination_timestamp": "",
	"email.attachments.file.name": "/email.attachment", "fengsui.email.date": "/email.date", "fengsui.email.url": "/email.url",
	"fengsui.email.body_md5": "/email.body_md5", "fengsui.email.status": "/email.status", "fengsui.email.bytes": "",
}
