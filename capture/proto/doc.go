// Package proto is the frame that application protocol parsers fit into: the Parser and Transaction interfaces, the
// recognition of protocols by content, and what parsers share. The parsers are the sub-packages; package registry lists
// them.
//
// A parser is fed contiguous, acknowledged bytes of each direction, tells how much it consumed, and begins transactions.
// It is told of gaps and of the end of each direction. It bounds everything it keeps, never trusts a length before the
// bytes are there, and never panics: each has a fuzz target.
//
// Recognition looks at content first; ports only decide between readings that content leaves open (Probe.ServerPort).
// Either direction may decide. A protocol without parser (recognised only) gives flows their name and nothing else.
//
// Concurrency: parsers and transactions belong to the worker of their flow.
package proto
