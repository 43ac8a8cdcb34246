// Package yara matches files seen on the wire against YARA rules.
//
// It is an engine.Detector like signatures and indicators. A file is scanned once, when its side of the transaction is
// complete, over the bytes capture kept of it (file.Config.Keep); an alert on a file that was cut says so in its metadata.
// A rule's meta may set severity (1 to 4, else 2) and description, which becomes the alert's message.
//
// There is no pure-Go YARA engine, so matching is libyara's, compiled in with `-tags yara` (cgo, libyara 4.2). Without the
// tag Compile refuses with ErrNotBuilt, and nothing of cgo is in the binary.
//
// It reads no file (callers hand rule text over), follows no include, and gives a scan ScanTimeout at most; a scan that
// takes longer is counted and its file passes.
//
// Concurrency: a Set is immutable and shared; an inspector belongs to one goroutine.
package yara
