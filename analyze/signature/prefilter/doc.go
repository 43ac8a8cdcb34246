// Package prefilter finds which of many byte patterns occur in a buffer, without regard to ASCII case, in one pass.
//
// It answers "which rules could match here" and never "does this rule match": the caller verifies.
//
// # Method
//
// A pattern is represented by windows of two to four of its bytes, taken where traffic shows them least. A bit table that fits the first or second
// level of the cache says for a position of the buffer whether some window hashes there; only then is the window looked up exactly and the whole
// pattern compared. Four bytes are hashed at once (case folded by one OR), and positions are independent of each other, so that the processor works
// on several at a time: this is what a rolling value or an automaton cannot do.
//
// Not every position is looked at. A pattern of window+stride-1 bytes has stride windows in a row, one of which falls on a position that
// is a multiple of the stride, wherever the pattern lies. So tables of long patterns look at every fourth position, those with patterns of five bytes at every
// second. Build plans the passes (plan.go): seldom more than two, with patterns of one byte found by the library's vectorised search.
//
// Many patterns can only lie near the start (depth). They stand apart, in zones by where they must have ended, and only that far the
// buffer is scanned for them (AddWithin).
//
// Measured against the earlier form (a rolling window at every position, one pass for each length of pattern, no zones), on the TCP tables of
// 23 000 rules: 4 to 9 times the speed. Which bytes are rare was measured over 20 MB of payload of mixed captures.
//
// Built with the tag hyperscan (Debian: libhyperscan-dev or libvectorscan-dev, cgo), buffers of 64 bytes and more are searched by that library instead; a test under the same
// tag holds both to the same results. The default build is pure Go.
//
// A Table is immutable after Build and safe for concurrent use. Hits belongs to one goroutine and is reused: a scan allocates nothing once its
// slices have grown.
//
// Memory: a bit table of 4 or 32 KiB a pass, 16 to 32 bytes per window, up to four windows per pattern, and the patterns.
package prefilter
