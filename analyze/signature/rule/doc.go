// Package rule reads Suricata rule text into a syntax tree and nothing more.
//
// It owns lines, continuations, the header's seven words, and the option list with the exact place of every word; it knows no keyword
// and judges no value, so a rule it accepts may still be refused by the compiler in analyze/signature. It does no I/O.
//
// Form of a rule (one logical line; a physical line that ends in a backslash continues on the next):
//
//	action proto source ports direction destination ports ( name:value; name; ... )
//
// Lines that start with # are disabled rules or comments and are skipped. Inside the option list a semicolon ends an option unless a
// backslash stands before it, quoted or not: that is Suricata's rule, and quotes do not protect a semicolon there either.
//
// Concurrency: everything here is a pure function of its arguments.
package rule
