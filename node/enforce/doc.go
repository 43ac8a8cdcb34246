// Package enforce puts block lists into force: what it is given, the kernel drops.
//
// It owns one nftables table, `inet fengsui`, and nothing else in the firewall: two interval sets (v4, v6) and, on input and
// forward, rules that drop packets from and to their members, on output packets to them. The node's own mesh port is let
// through first, so that no list from above can cut a site off from whoever would have to take it back. Applying a list
// exchanges the members in one kernel transaction: a packet meets the old list or the new one, never half of one. (Making the
// whole table anew would be one transaction too, but the kernel lets packets through between unhooking and hooking chains; it is
// done only where the table is missing or not as it should be.) Then everything is read back and compared; a list counts as in force only when the kernel says so.
//
// Rights decide, not wishes: without CAP_NET_ADMIN, in mode off, on a kernel without nf_tables, or for a list that would hurt
// the node itself, Apply returns a [Refusal] whose text is the reason the issuer is shown.
//
// With namespace private the table lives in a fresh network namespace that this process made for itself (which takes
// CAP_SYS_ADMIN) and that vanishes with it: rehearsals and the demo touch nobody's machine. In namespace host the table
// outlives the process on purpose, so that a restart is not a moment without protection; Remove takes it away. Two nodes on one
// machine share that one table and must not both enforce there.
//
// It does not decide what is blocked, does not expire entries, and remembers nothing: lists come from node/policy after every
// start. Safe for concurrent use; calls are serialized.
package enforce
