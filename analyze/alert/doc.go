// Package alert is what a detector says: the Alert, its severity, its EVE JSON line, and the folding of repeats.
//
// It does not know how an alert came about, nor where it goes. An Alert is a plain value; once emitted it is not changed any more, so it may be shared.
// A Fold belongs to one goroutine and is driven by packet time: it has no clock and no goroutine of its own.
package alert
