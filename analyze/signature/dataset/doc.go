// Package dataset holds the sets of values that rules ask about and add to while packets flow (dataset, datarep): strings, digests, addresses, each with
// an optional reputation.
//
// A Set is bounded by its memory limit: what does not fit is not added, and counted. It reads Suricata's file formats (one value a line, base64 for
// strings; CSV with a score; JSON documents and JSON lines) and writes the first of them back. It opens no file itself.
//
// Concurrency: all methods of Set are safe for concurrent use.
package dataset
