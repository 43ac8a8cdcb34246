// Package intel matches traffic against lists of indicators: addresses, networks, domains, URLs, TLS and SSH fingerprints,
// digests of files.
//
// # The list
//
// UTF-8 text, one indicator a line: a type, a value, then optional fields; # starts a comment.
//
//	ip      203.0.113.7                     severity=1 name="Example C2"
//	cidr    198.51.100.0/24
//	domain  bad.example                     also matches every name below it
//	url     http://bad.example/gate.php     scheme, host and path; a query in the list must be equal, too
//	ja3     e7d705a3286e19ea42f587b344ee6865
//	ja4     t13d1516h2_8daaf6152771_e5627efa2ab1
//	hassh   <32 hexadecimal digits>         of an SSH client or server
//	sha256  <64 hexadecimal digits>         of a file; likewise md5, sha1, sm3
//
// severity is 1 (worst) to 4, default 2; name is shown in the alert; confidence and source are read and kept in the alert's metadata. The parser is
// strict: whatever it does not understand is a problem with line and column, and the caller decides whether a list with problems is used.
//
// # What is matched
//
// Addresses: both ends of a flow, on its first packet. Domains: DNS questions, TLS server names, HTTP hosts. URLs: HTTP requests. Fingerprints: TLS
// client hellos, SSH key exchanges. Digests: files of every protocol that carries them, seen whole; which digests must be
// computed is what Digests says. Each flow or transaction raises at most one alert an indicator.
//
// # Sketch
//
// Hash maps keyed by value; networks by a map per prefix length in use, longest first. A million domains take about 130 MB and a look-up of a name
// with four labels four map accesses (0.3 µs). No allocation when nothing matches.
//
// A Set is immutable and safe for concurrent use; an inspector belongs to one goroutine and keeps no state.
package intel
