// Package inspect evaluates the byte keywords of one rule on one buffer: content with its modifiers, pcre, isdataat, byte_test, byte_jump,
// byte_extract, byte_math, bsize, base64_decode.
//
// A Program is the list of these keywords in rule order. It is tried as Suricata tries it: each keyword starts where the last one ended when it is
// relative; when a later relative keyword fails, the content or pcre it leans on is tried again at its next occurrence; when an independent
// keyword fails, nothing else can help and the search ends. The whole search is bounded by stepsMax.
//
// It does not know where a buffer comes from, nor rules, flows or alerts.
//
// A Program is immutable and safe for concurrent use; a Scratch belongs to one goroutine. Matching allocates nothing, except inside the
// backtracking regular expression engine.
package inspect
