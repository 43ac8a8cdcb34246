// Package ftp reads the control connection of FTP (RFC 959, 2228 AUTH, 2389, 2428 EPRT and EPSV, 4217) and the data
// connections it announces.
//
// A command with its replies is a transaction; the greeting is one without command. Both sides are complete when the final
// reply has come (a code of 200 or more on a line that does not go on). PORT, EPRT and the answers to PASV and EPSV announce
// a data flow, which the pipeline gives to NewData: one transaction that carries the file of RETR, STOR, STOU and APPE, or
// the beginning of a listing. In the active mode it is the FTP server that opens the data flow, so a download goes to the
// flow's server.
//
// After AUTH TLS is accepted the flow goes on as TLS; its data connections cannot be followed.
//
// The password of PASS and the data of ACCT and ADAT are in the transaction, for rules, and masked in the event.
//
// Limits: lines of 4 KiB (longer ones are cut and noted), 64 reply lines and 64 KiB of them for each command, 512 commands
// waiting for their reply, 4 KiB of a listing. After a gap reading goes on at the next line.
package ftp
