// Package prefilter finds which of many byte patterns occur in a buffer, without regard to ASCII case, in one pass.
//
// It answers "which rules could match here" and never "does this rule match": the caller verifies. The method is the one libraries.md §5 measured
// best in plain Go. Each pattern is represented by its rarest window of four bytes; a bit table small enough to stay in the cache says for
// every position of the buffer whether any window hashes there; only then is the window looked up exactly and the whole pattern compared.
// Patterns of one to three bytes go through the same machinery with windows of their own length, in a pass that exists only when such patterns do.
//
// A Table is immutable after Build and safe for concurrent use. Hits belongs to one goroutine and is reused: a scan allocates nothing once its
// slices have grown.
//
// Memory: a bit table of 64 bits per pattern (512 B to 128 KiB), 16 bytes per pattern for the window, and the patterns.
package prefilter
