// Package pop3 reads POP3 (RFC 1939, 2449 CAPA, 2595 STLS, 5034 AUTH): commands with their responses, and the mails of RETR
// and TOP through package mime, their attachments as files on the way to the client.
//
// A command with its response is a transaction; the greeting is one without command. The exchange of challenges behind
// AUTH belongs to it. After STLS is accepted the flow goes on as TLS.
//
// The user is the name of USER, APOP or AUTH PLAIN, LOGIN, CRAM-MD5; passwords and answers to challenges stay in the transaction
// and are masked in the event.
//
// Limits: lines of 4 KiB outside mails (longer ones are cut and noted), 16 arguments, 256 lines and 16 KiB kept of a response that is no
// mail, 128 commands waiting for their response. After a gap reading goes on at the next line; a gap within a mail is a gap in it.
package pop3
