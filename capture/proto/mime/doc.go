// Package mime reads mails as they pass: header fields (RFC 5322), MIME structure (RFC 2045, 2046), parameters (RFC 2183,
// 2231), encoded words (RFC 2047), base64, quoted-printable and uuencoded content, attachments as files. SMTP, POP3 and
// IMAP write the lines of a mail into a Reader; nothing of a mail is kept but what Mail says.
//
// # What is kept in two forms
//
// Rules see header values as Suricata forms them: a folded line is joined without its line end and the first byte of
// white space, nothing is decoded. Events get Text: joined by a space and with encoded words decoded.
//
// # Parts
//
// A delimiter line need only begin with the boundary (RFC 2046 5.1.1); of nested boundaries the longest that fits counts. A
// part is a file when it has a name, when it is said to be an attachment, or when it is base64 of something that is not
// text. The last line end before a delimiter belongs to the delimiter, in a mail of one part to the mail. A message/rfc822 part is read as a mail of its own, whatever encoding wraps it; with a name it is a file as well.
// A uuencoded file is found in any text that is not encoded otherwise.
//
// Broken input is read as far as it makes sense: bytes that are no base64 are passed over, "=" that begins nothing stays as
// it is, lines without colon in a header are ignored, a header that never ends is a header.
//
// # Limits
//
// 64 KiB and 500 fields of header, 8 KiB a field, 16 nested parts and mails, 1000 parts, 100 files, 200 links of 2 KiB,
// names of 255 bytes. Lines may be of any length: they are read in pieces. What is past a limit is left out and noted.
//
// Concurrency: a Reader belongs to its parser.
package mime
