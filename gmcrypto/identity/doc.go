// Package identity says who a site or a node is: SM2 certificates (X.509 v3,
// GB/T 20518) in a hierarchy of site authorities, and the rules by which a
// chain of them is believed.
//
// Three kinds of certificate exist, told apart by their one name (a URI in the
// subject alternative name) and never by guessing:
//
//	fengsui:site:440100       authority of a site: signs sites strictly below
//	                          its code, nodes of its own code, and documents
//	fengsui:node:440106:n1    node n1 of a site: runs the key exchange
//	fengsui:guest:440106:n1   self-signed by a newcomer: proves a key, nothing
//	                          else; good for enrolment only
//
// A chain is leaf first. Trust.Verify demands, for every step: a site authority
// above, its signature, matching names and key identifiers, the level rule, the
// path length, the key usage, and validity at the given time. Parsing is
// strict and bounded: 8 certificates of at most 8 KiB; a certificate that does
// not fit the profile is refused when parsed, so a *Certificate is always well
// formed.
//
// It deliberately keeps no files, knows no revocation list (a parent revokes in
// its register, which every link consults), reads no clock, and does not
// enforce who may call what.
//
// Concurrency: certificates and trusts are immutable and safe to share. Trust
// remembers, under a lock and a bound, which signatures it has verified.
package identity
