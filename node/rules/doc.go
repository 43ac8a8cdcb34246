// Package rules is the core of the commands `fengsui rules …`: it checks rule files, explains why a rule matched a capture or did not, and
// says which rules cost most. It works on files only, without a node and without the mesh.
//
// Check lists what is refused with its place and reason. Explain runs the whole rule set over captures and traces one rule in it step by
// step (signature.Explainer). Profile runs a rule set and prints what each rule cost.
//
// Exit codes: 0 done, 1 something is refused, or could not be read, 2 wrong usage. Concurrency: the calling goroutine only.
package rules
