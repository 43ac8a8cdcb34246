// Package detect is the core of the command `fengsui detect`: rules and capture files in, alerts out, no mesh needed.
//
// It reads rule files, folders and archives, capture files, a threshold file and reputation lists; compiles the rules; runs every capture through
// capture/pipeline with the signature detector; and writes one line an alert to stdout and a summary to stderr. It is the place where detection
// meets files: analyze/** does no I/O.
//
// Captures named in one run share flow numbers and host state, as one long capture would. Exit codes: 0 done, 1 something could not be read or run, 2 wrong
// usage. A rule that is refused is no failure: it is listed, and the run goes on with the others.
//
// Concurrency: Run uses the calling goroutine only.
package detect
