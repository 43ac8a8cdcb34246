// Package event holds the normalized event: one observation (a finished flow, a DNS or HTTP or TLS transaction, later a
// log line) in Elastic Common Schema names, in the one form every detector, store and query reads.
//
// An Event is a flat, ordered list of typed fields with dotted ECS names ("source.ip", "dns.question.name"); the names
// are the constants of fields.go, the only dictionary. It is JSON-encoded flat as well: dotted names are what ECS tools,
// VictoriaLogs and our own query language take, and no nesting has to be resolved on the hot path.
//
// The package does not decide what becomes an event (proto and pipeline do), does not store and does not seal.
//
// Concurrency: an Event belongs to whoever holds it. A Sink that keeps one after its Event method returns must Clone it.
package event
