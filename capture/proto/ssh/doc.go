// Package ssh reads the clear part of SSH: both sides' identification (RFC 4253 4.2) and key exchange offer (7.1), up to
// NEWKEYS; from there on everything is encrypted and the parser stops. One flow is one transaction.
//
// From the offers it computes HASSH and HASSHServer: the MD5 of "kex;encryption;mac;compression" with the algorithms of
// the sender's own direction, as https://github.com/salesforce/hassh defines them.
//
// Limits: an identification line of 255 bytes (longer ones are read as far and noted), 64 lines or 4 KiB before it, a
// binary packet of 256 KiB by its length field, of which only a KEXINIT of up to 64 KiB is kept; others are passed over
// unread. SSH 1.5 is recognised and its identification read; its packets are not.
//
// A gap inside a packet that is passed over does no harm; any other ends the reading of that side, for nothing in the
// stream says where the next packet begins.
//
// It does not look at user authentication, which is encrypted, and does not guess log-ins from sizes.
package ssh
