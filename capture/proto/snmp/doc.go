// Package snmp reads SNMP versions 1, 2c and 3 over UDP (RFC 1157, 3416, 3412, 3414). Each message is a transaction of its
// own, in its own direction.
//
// Limits: 64 variable bindings are kept, of each value 256 bytes of its text; communities and names 256 bytes. The
// contents of encrypted messages of version 3 are not seen. A datagram of a recognised flow that cannot be read raises
// malformed_data; a change of version within the flow version_mismatch; a security model other than USM
// unknown_security_model.
//
// Recognition: a BER sequence that is the whole datagram, a version, and what follows it; the port does not matter.
// Concurrency: a parser belongs to the worker of its flow.
package snmp
