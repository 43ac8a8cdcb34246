// Package database holds what access to a database is, whatever the protocol: who, which database, what statement, on
// which objects, with what outcome. The database parsers fill an Access and have it written to events.
//
// Statement names the operation and the tables of SQL text by a tokenizer, not a grammar: it knows comments, quoting and
// the words behind which tables stand (FROM, INTO, UPDATE, JOIN, TABLE, …) in all dialects at once, and leaves out what
// those words mean elsewhere. It can name a column as a table in SQL nobody writes, and misses tables named by strings.
// Mask hides passwords that statements set.
//
// Limits: StatementMax bytes of a statement, ObjectsMax objects, TextMax bytes of names and messages. No state; any
// goroutine may call.
package database
