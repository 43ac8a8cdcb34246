// Package smtp reads mail submission and relay (RFC 5321, 1869, 1870, 2920 pipelining, 3030 BDAT, 3207 STARTTLS, 4954 AUTH,
// 2033 LMTP): commands with their replies, and the mails within them through package mime.
//
// A transaction is one mail: it begins with the first command behind the one before and ends when the mail has been sent
// and answered, at RSET, at STARTTLS or with the flow. What the client introduced itself with counts for all of them, as it
// does in Suricata. QUIT and RSET behind a mail belong to that mail.
//
// From DATA on the client's bytes are a mail unless the server refuses first; this also holds when the server's side is not
// seen. After the server has agreed to STARTTLS the flow is recognised anew with the client's next bytes: as TLS, or that is noted.
//
// Credentials: the user name of AUTH PLAIN, LOGIN, CRAM-MD5, XOAUTH2 goes into the event, secrets go nowhere.
//
// Limits: command and reply lines of 4 KiB (longer ones are cut and noted; 510 bytes is what the standard allows), 100
// recipients of 1 KiB, 512 commands waiting for their reply, 64 command and reply lines of 512 bytes kept for each mail. Mail limits
// are those of package mime. After a gap reading goes on at the next line; a gap within a mail is a gap in it.
package smtp
