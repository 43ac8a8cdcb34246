// Package tlcp recognises TLCP, the transport layer cryptography protocol of GB/T 38636-2020 (records of version 1.1, 0x0101),
// and reads the clear part of its handshakes with the reader of package tls: the messages are those of TLS 1.1 and 1.2.
//
// What differs: cipher suites of SM2, SM3 and SM4 (0xe011 and on), and certificates in pairs, the first to sign with, the
// second to encrypt to (tls.Transaction.EncryptionCertificate). Extensions such as server names are read where clients
// send them. Transactions are tls.Transaction with TLCP set; their protocol is "tlcp".
//
// Nothing is verified and nothing decrypted: the SM algorithms are not needed here.
//
// Limits are those of package tls.
package tlcp
