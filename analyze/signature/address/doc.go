// Package address holds the address and port expressions of rule headers: groups, negation, variables, CIDR networks and ranges.
//
// An expression becomes a sorted list of disjoint ranges, so a look-up is one binary search and allocates nothing. In a group the negated members
// are taken away from the others, whatever their order; a group of negated members only starts from everything (Suricata's rule).
//
// Everything is immutable after parsing and safe for concurrent use.
package address
