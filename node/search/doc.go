// Package search is the expression language operators use to choose alerts: parsed once, matched against rows.
//
// It owns the grammar, the field list, and matching. It reads no store and knows no network: a caller walks its own records, converts each to
// a Row, and asks Match.
//
//	expr       = and { "or" and }
//	and        = not { [ "and" ] not }                     two terms side by side mean and
//	not        = "not" not | "(" expr ")" | comparison | word
//	comparison = field op value | field "in" "(" value { "," value } ")"
//	op         = "=" | "!=" | ">" | ">=" | "<" | "<=" | "~"
//
// An empty expression, or "*", matches everything. A lone word or "quoted text" is looked for in the message, category, indicator and the
// names of site and sensor, without regard to case. Text values may hold "*" for any run of characters with = and !=; "~" asks for a part of the text. Address fields take
// an address or a prefix (src_ip=10.0.0.0/8); ip and port mean either side. Times are RFC 3339, or now, now-15m, now-2h, now-7d.
//
// Concurrency: an Expr is immutable and may be used by any number of goroutines.
package search
