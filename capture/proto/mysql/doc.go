// Package mysql reads the MySQL and MariaDB client/server protocol, version 10: greeting and login (also refused at the
// door), commands in text and prepared form, their results.
//
// A transaction is the login or one command with its whole answer: user, database, statement, outcome, rows, error.
// Answers may hold several result sets. After an SSL request the flow goes on as TLS (proto.Restart); after a login with
// compression agreed the parser stops, the login's event says so. COM_CHANGE_USER changes the user of what follows.
//
// Limits: 64 KiB of a packet are read, statements as package database says (rules see 64 KiB), 256 prepared statements a
// connection, 64 commands that wait for their answer, 64 KiB of rows in text for rules (rows in binary form are counted).
// After a hole the parser waits for a packet that begins a command or an answer.
//
// It reads no binary log stream and no LOAD DATA contents. Concurrency: a parser belongs to the worker of its flow.
package mysql
