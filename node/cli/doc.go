// Package cli is the command line: a table of commands, what each prints, and how it ends.
//
// Results go to standard output, everything else to standard error. Every command has --help with an example that runs, and
// --json for one JSON object a line. Exit codes: 0 done, 1 failed, 2 wrongly asked (usage, configuration). Errors are one line
// that says what, where, and what to do.
//
// Commands that ask a node speak to its local socket (node/api) and decide nothing themselves. Only `node init`, `node run`,
// `demo` and `detect` do their work in this process. main.go does nothing but call Main: everything can be run from a test.
package cli
