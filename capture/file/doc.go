// Package file is a file seen on the wire: a download, an upload, an attachment. Parsers make one per file, write its
// decoded bytes as they come and close it; rules, events and the store look at it.
//
// A File keeps its first bytes up to a limit, counts the rest and digests what it was asked to digest; nothing is hashed
// that nobody asked for. A hole in the traffic makes it Truncated: its digests are not given, for they would be those of
// another file.
//
// Concurrency: a File belongs to the worker of its flow; a Config is shared and never written.
package file
