// Package tftp reads the requests of TFTP (RFC 1350) with their options (RFC 2347 to 2349, 7440) and what follows in the
// same flow: errors, option acknowledgements and blocks. A transaction is one request.
//
// A server answers from a port of its own, so most transfers run in a flow this parser does not see; their bytes are not
// gathered. Limits: 512 bytes of name and mode, 16 options. Recognition: a request that reads to its last byte, on any
// port. Concurrency: a parser belongs to the worker of its flow.
package tftp
