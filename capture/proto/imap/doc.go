// Package imap reads IMAP4 (RFC 9051, 3501): commands with their responses, literals (RFC 7888), mails that APPEND sends and
// FETCH gets, through package mime with their attachments as files, log-in names, STARTTLS.
//
// A tagged command with everything up to its tagged response is a transaction; what the server says unasked is one without
// command, complete at once. Untagged responses belong to the oldest command that waits. A literal is taken for a mail when it is
// APPEND's, or stands behind BODY[], BODY[HEADER…], RFC822 or RFC822.HEADER in a FETCH response; single parts (BODY[2]) are passed
// over, for their encoding stands elsewhere.
//
// Secrets: the password of LOGIN and what follows AUTHENTICATE stay in the transaction, for rules, and are masked in the event.
//
// Limits: lines of 8 KiB without literals (longer ones are cut), 64 request and 256 response lines of 1 KiB kept for each command, 128
// commands waiting, 32 mails and 100 files a command, 16 KiB of a mail's body. After a gap reading goes on at the next line; a
// gap within a literal is a gap in it.
package imap
