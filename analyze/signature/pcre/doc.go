// Package pcre runs the Perl-compatible regular expressions of Suricata rules over bytes.
//
// It parses the pattern itself (node.go, parse.go, class.go), because Perl, Go and .NET disagree in small things that decide whether a rule
// fires: what $ means, what \s holds, whether a byte above 127 is a letter. Every set of characters becomes an explicit set of bytes, and the
// tree is then written for one of two engines (emit.go):
//
//   - the standard library's regexp, linear in the input, for everything it can express exactly;
//   - regexp2 (backtracking, with a time limit) only for look-around, back references, atomic groups and possessive repeats.
//
// Both engines think in runes. Input is therefore shown to them as Latin-1: byte N is rune N. For the standard library that means UTF-8 in which
// each byte from 0x80 takes two bytes, made in a scratch buffer only when such a byte is there; offsets are mapped back. So \xff, [^a] and
// {n} count bytes, as they do in PCRE without the UTF flag. Case folding is ASCII only.
//
// In front of both stands a deterministic automaton over bytes, made while subjects are read (program.go, automaton.go). It answers whether there can be a
// match at all, in one step a byte, and nearly every subject is done with there: six to twenty times as fast as the standard library on
// expressions without a literal start. What automata cannot express (look-around, back references, atomic groups, long counted repeats) is
// taken as accepting more, so its refusals are always right; its consent counts when the expression needed none of these and the caller does not ask where. Automata of a
// Scratch hold at most 16 MiB of tables; one that keeps needing new states is given up and its expression left to the engines.
//
// Refused by reason: recursion, conditionals, callouts, backtracking verbs, branch reset, \K, \C, \X, \p. A match that runs out of time counts
// as no match and is counted in Scratch.Timeouts.
//
// A Regex is immutable and safe for concurrent use; a Scratch belongs to one goroutine.
package pcre
