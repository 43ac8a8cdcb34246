// Package demo tells the whole story on one machine: a province of three nodes, a city of three, two counties of one, as real
// processes of this very binary, on loopback, in a temporary directory; real registration, real rules on real traffic, a cut
// line, a killed leader. It measures what it shows and fails loudly when what it shows is not true.
//
// [Lab] is the reusable part: processes that can be started, stopped, killed, frozen and restarted, each with a client of its
// local socket, and a relay whose line can be cut. [Run] is the story. The end-to-end tests use both.
//
// Nothing outside the temporary directory is changed: block lists are enforced in a network namespace the county's process makes
// for itself, and processes and directory are gone on every way out (only a kill -9 of the demo itself leaves the directory;
// the processes die with it even then).
//
// Concurrency: a Lab's methods may be called from any goroutine. Everything started is waited for by Close.
package demo
