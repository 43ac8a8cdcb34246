// Package ntp reads the network time protocol: time messages of versions 1 to 4 (RFC 1059, 1119, 1305, 5905), control
// messages (mode 6, RFC 9327) and the reference implementation's private messages (mode 7, which monlist amplification
// uses). Each message is a transaction of its own, in its own direction.
//
// Limits: 1 KiB of a control message's text is kept. Extension fields are passed over, the key identifier of an
// authenticator is read. A datagram of a recognised flow that cannot be read raises malformed_data.
//
// Recognition: port 123 and a plausible first word; a time message of exactly 48 bytes is recognised on other ports when
// its stratum, poll and precision are what clocks send. Concurrency: a parser belongs to the worker of its flow.
package ntp
