// Package ike reads IKE versions 1 (RFC 2408, 2409) and 2 (RFC 7296), on its own port and behind the non-ESP marker of
// port 4500 (RFC 3948). Each message is a transaction of its own, in its own direction.
//
// Of messages in the clear it reads proposals with their transforms, key exchange, nonce, identity, vendor and notify
// payloads; of encrypted ones the header. The responder's choice of version 2 is judged by RFC 8247 (events weak_crypto_enc, _prf,
// _auth, _dh, _nodh, _noauth, no_encryption).
//
// Limits: 64 payloads, 32 proposals, 512 transforms, 32 vendor IDs a message, 1 KiB of a nonce or identity, 2 KiB of a key
// exchange. ESP behind port 4500 and keep-alives are passed over. Fragments of RFC 7383 are not joined.
//
// Recognition: a header whose length is that of the datagram, of a known version and exchange; the port does not matter.
// Concurrency: a parser belongs to the worker of its flow.
package ike
