// Package telnet reads Telnet sessions (RFC 854, 855; options 1091 terminal type, 1073 window, 1572 environment): the option
// negotiation is taken out, what the user types is put together to lines.
//
// A line the user ends is a transaction with the prompt it answers and what the server then prints, up to the next line;
// what the server prints before the first line is one without. A line behind a log-in prompt is the user's name, one behind a
// password prompt is kept for rules and masked in the event. Backspace, ^U and ^C are obeyed; escape sequences are left out. What
// the server prints while a line is typed is its echo and not kept.
//
// When encryption (RFC 2946) starts, reading stops.
//
// Limits: lines of 1 KiB, 4 KiB of output each, prompts of 256 bytes, subnegotiations of 1 KiB, 16 environment variables.
// After a gap reading goes on in the middle of the text.
package telnet
