// Package sensor runs traffic through this node's detection: the sources of the configuration, and capture files that are replayed on request.
//
// It owns, for each source and each replay, one pipeline with its own flow table and one fold, so that a file replayed twice counts twice; the
// supervision of live sources; and the list of replay jobs. Alerts become records and go to the intake: those of files wait while the intake is
// full (the file can wait), those of live traffic are shed then and counted (the wire cannot).
//
// What it does not do: it judges nothing, and knows neither ledger nor network.
//
// Concurrency: one goroutine for each pipeline, started by Run or Start and waited for by Run. All methods may be called by any goroutine.
package sensor
