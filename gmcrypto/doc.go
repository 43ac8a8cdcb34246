// Package gmcrypto is the one place where Fengsui touches the Chinese national
// algorithms: SM2 (GB/T 32918), SM3 (GB/T 32905) and SM4 (GB/T 32907).
//
// It owns key pairs and key files, signatures that always carry a context
// label, public-key encryption, hashing and key derivation, sealing of stored
// data, blind indexes, and the known-answer self-test run at start. It wraps
// github.com/emmansun/gmsm, so that no other room imports an SM library.
//
// It deliberately does not know certificates (see gmcrypto/identity) or
// connections (see gmcrypto/channel), offers no cipher without authentication,
// and never chooses a key's storage place.
//
// Formats, all pinned by tests:
//
//	public key    65 bytes, 0x04 || x || y                     (GB/T 32918.1 §4.2.9)
//	signature     ASN.1 SEQUENCE{r, s}                         (GB/T 35276 §7.3)
//	ciphertext    ASN.1 SEQUENCE{x, y, hash, cipher}           (GB/T 35276 §7.2)
//	key file      PEM, PKCS#8; encrypted with PBES2 (PBKDF2-HMAC-SM3, SM4-CBC)
//	sealed data   0x01 || salt(16) || counter(8) || SM4-GCM ciphertext and tag
//
// Concurrency: every type and function is safe for concurrent use. There is no
// package state.
package gmcrypto
