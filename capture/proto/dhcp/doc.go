// Package dhcp reads DHCP for IPv4 (RFC 2131, options of RFC 2132, long options of RFC 3396, overloading of RFC 2132 9.3).
// Each message is a transaction of its own, in its own direction.
//
// Limits: 128 different options a message; the parts of one option are joined up to 4 KiB. A message whose options break
// off keeps those before: events malformed_options (an option whose length cannot be) and truncated_options (no end).
//
// Recognition: the magic cookie behind a plausible fixed part; the port does not matter. It does not read BOOTP without
// cookie, nor DHCPv6. Concurrency: a parser belongs to the worker of its flow.
package dhcp
