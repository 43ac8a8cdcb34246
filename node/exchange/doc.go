// Package exchange converts between what travels or is stored (cascade/wire) and what this node works with: alerts of the detectors, rows of
// the query language, alerts of the local API.
//
// It is the one place of node that knows protobuf, so that an internal rename never changes the wire, and a new wire field is added here and
// nowhere else. It keeps nothing and opens no seal: payloads come and go in clear, sealing is the business of upload, issue and intake.
//
// Concurrency: all functions are pure.
package exchange
