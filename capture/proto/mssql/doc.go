// Package mssql reads TDS, the protocol of Microsoft SQL Server ([MS-TDS]; versions 7.0 to 7.4): pre-login, LOGIN7, SQL
// batches, remote procedure calls with the SQL text of sp_executesql, sp_prepare and their like, results.
//
// A transaction is the login (from the pre-login on), or one request with its answer. When the login is encrypted its
// user is unknown; when the session stays encrypted the parser stops behind it. Sessions found in the middle are read:
// whether requests carry headers (7.2 on) is seen from the first one that tells.
//
// Limits: 64 KiB of a message are put together and read; of a longer answer its end still tells the count of rows.
// Answers are walked row by row over the types of [MS-TDS] 2.2.5.4 except UDT; behind a type that is not known only the
// end counts. Handles of sp_execute are not resolved, multiplexed sessions (SMP, MARS) are passed over, bulk data and
// transaction manager requests are named only. After a hole the parser waits for a packet that begins a message.
// Concurrency: a parser belongs to the worker of its flow.
package mssql
