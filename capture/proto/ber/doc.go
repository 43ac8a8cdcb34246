// Package ber reads the basic and distinguished encoding rules of ASN.1 (ITU-T X.690) from untrusted bytes. LDAP, Kerberos,
// SPNEGO and SNMP are written in them.
//
// It cuts identifier, length and contents apart and reads the few primitive types those protocols use; it knows no
// schema. Nothing is copied: contents are slices of the input (Octets copies only strings sent in pieces).
//
// Limits: tag numbers fit 28 bits, lengths 31 bits, elements nest at most DepthMax deep, object identifiers have at most
// 64 arcs. Indefinite lengths (X.690 8.1.3.6) are followed to their end-of-contents octets within those limits; the search
// is repeated for each level entered, so the work is at most DepthMax times the input.
//
// Concurrency: values only, no state is shared.
package ber
