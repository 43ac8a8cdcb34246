// Package line cuts the byte stream of a text protocol (SMTP, FTP, POP3, IMAP, IRC, SIP) into lines of bounded length.
//
// A line ends with LF; a CR before it belongs to the end. What is longer than the limit is given once, cut, and the rest
// of the line is passed over without being kept. No byte is looked at twice however small the pieces come.
//
// It knows nothing of any protocol. Concurrency: a Cutter belongs to its parser.
package line
