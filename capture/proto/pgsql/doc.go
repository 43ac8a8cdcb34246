// Package pgsql reads the PostgreSQL frontend/backend protocol, version 3 (PostgreSQL documentation, chapter
// "Frontend/Backend Protocol"): encryption requests, start-up and authentication, simple and extended queries, function
// calls, COPY, cancellation.
//
// A transaction is an encryption request, the login, a simple query with all its results, one execution of a prepared
// statement, a preparation nobody executes before the next Sync, a cancellation. After an accepted SSL request the flow
// goes on as TLS (proto.Restart); after an accepted GSSAPI one the parser stops.
//
// Limits: 64 KiB of a message are read, 256 prepared statements and 256 portals a connection, 128 executions that wait for
// their answer. After a hole the parser waits for a message that begins a query or an answer's end.
//
// Rows are counted, their contents are not kept. Concurrency: a parser belongs to the worker of its flow.
package pgsql
