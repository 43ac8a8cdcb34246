// Package tns reads Oracle's Transparent Network Substrate: connect, accept, refuse, redirect, resend with their
// descriptors, and of the two-task protocol inside data packets the login's names, SQL text and errors. Oracle publishes
// neither; what is read follows public descriptions and captures.
//
// A transaction is a connection attempt, the login, or one SQL statement with what the server says until the client's next
// call. SQL text is found by its first verb behind a length in a client's call, so statements of drivers that write it
// otherwise, or under native network encryption, are not seen; user names stand before the login's AUTH_ attributes. Rows
// are not counted. ORA-01403 (no more rows) is no failure.
//
// Limits: 64 KiB of a packet are read; a statement is read as far as its first packet reaches. After a hole the parser
// waits for a segment that begins with a whole packet. Concurrency: a parser belongs to the worker of its flow.
package tns
