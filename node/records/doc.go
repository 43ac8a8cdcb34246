// Package records reads the alert records of a site's ledger: pages and tails for the local API, answers for queries, and the accounts.
//
// It opens sealed payloads with the site's key, turns them into what the caller works with, and judges them by an expression of node/search.
//
// # Positions
//
// A position names, for every lane (origin, epoch, class), the last sequence seen. It is exact: neither a clock that steps nor a lane that
// catches up after an outage makes a reader miss a record or see one twice. Within a lane records come in sequence; between lanes in the order
// they were received, as far as their clocks tell.
//
// # What it does not do
//
// It writes nothing, keeps nothing, and knows no network.
//
// # Concurrency
//
// A Reader may be used by any number of goroutines. Payloads are opened outside the read transaction, except in Search.
package records
