// Package durable does crash-safe file work for the rooms above it: replacing a file
// atomically, making directory entries durable, locking a data directory, and asking
// how much space is left.
//
// What it guarantees: when WriteFile or Replace has returned nil, the new content is
// on disk under the final name; after a crash at any moment before that, the name
// holds either the whole old content or the whole new one. Left-over temporary files
// end in ".tmp" and are never read.
//
// What it deliberately does not do: it keeps no state, starts no goroutine and knows
// no file format. It does not protect against a disk that acknowledges a flush it has
// not done.
//
// Concurrency: every function may be called from any goroutine; two writers of one
// path each succeed and the last rename wins.
//
// On disk: LockDir creates <dir>/lock, mode 0600, holding the decimal process id of
// the present (or last) holder and a newline. The lock is the flock on that file, not
// its content, so it ends with the process however the process ends.
package durable
