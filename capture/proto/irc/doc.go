// Package irc reads IRC (RFC 1459, 2812, IRCv3 message tags): each message of either side is a transaction of its own in
// one direction. PING, PONG and most of the server's numeric replies (lists, message of the day) are read and passed over;
// welcome, topic, nickname in use and errors are not.
//
// CTCP requests and DCC offers (file, address, port, size) are read out of PRIVMSG and NOTICE. The flow DCC then opens is
// not followed. After STARTTLS is accepted the flow goes on as TLS.
//
// Secrets (PASS, OPER, AUTHENTICATE, what is told to NickServ) stay in the transaction and are masked in the event.
//
// Limits: lines of 8 KiB (longer ones are cut), 15 parameters, nicknames and channels of 256 bytes. After a gap reading goes
// on at the next line.
package irc
