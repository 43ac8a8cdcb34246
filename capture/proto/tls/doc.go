// Package tls reads the clear part of TLS handshakes, SSL 3.0 to TLS 1.3, and SSL 2.0 hellos: what the client offered
// (server name, ALPN, JA3, JA4), what the server chose (JA3S), and the certificates that TLS 1.2 and older show. Once both
// sides encrypt, it stops: what follows is not read and not searched.
//
// Handshake messages are put together over record borders. Certificates are read by a small DER reader of our own that
// takes what it understands: detection must see what crypto/x509 refuses (negative serial numbers, odd strings, broken
// extensions), and nothing here is a decision to trust.
//
// A hole inside the handshake loses the message it is in; reading goes on where a record header follows the hole.
//
// # Limits
//
// A record is at most 18 432 bytes (RFC 8446 5.2, 5.4 with slack), a handshake message 128 KiB, a chain 16 certificates, a
// hello 256 extensions and 1024 cipher suites, a certificate 100 alternative names.
//
// Sources: RFC 8446, 5246, 6101; JA3: https://github.com/salesforce/ja3; JA4: https://github.com/FoxIO-LLC/ja4.
package tls
