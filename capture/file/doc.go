// Package file is a file seen on the wire: a download, an upload, an attachment. Parsers make one per file, write its
// decoded bytes as they come and close it; rules, events and the store look at it.
//
// A File keeps its first bytes up to a limit, counts the rest and digests what it was asked to digest; nothing is hashed
// that nobody asked for. A hole in the traffic makes it Truncated: its digests are not given, for they would be those of
// no file at all. A file whose end did not come is Truncated too; its digests are those of what came, as Suricata's records
// have them.
//
// # Type
//
// Type tells the format from the first 64 KiB by a table of our own, without libmagic: a MIME type and a description in
// the words of file(1), as far as rules name them (programs, documents, archives, images, media, scripts, keys). What
// file(1) reads from far inside a file (page counts, authors, image comments) is not in it.
//
// # Store
//
// A Store keeps whole files on disk under their SHA-256, bounded in bytes and count, oldest removed first. Packets never
// wait for the disk: a file's bytes are held in memory (bounded for each file and in total), handed over in a queue when
// the file is complete, and written by the goroutine of Run. What does not fit is counted, not waited for.
//
// # Limits
//
// 100 KiB of each file for inspection; a name of 4096 bytes; in the store 16 MiB a file, 128 MiB in memory, 2 GiB and
// 100 000 files on disk.
//
// Concurrency: a File belongs to the worker of its flow. A Config is shared and never written. A Store may be used by all
// workers at once.
package file
