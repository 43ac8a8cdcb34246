// Package dcerpc reads DCE/RPC (The Open Group C706; Microsoft's additions [MS-RPCE]): connection-oriented PDUs, version 5,
// over TCP, and connectionless ones, version 4, over UDP. Its Association reads the same PDUs for package smb, which finds
// them in named pipes.
//
// A transaction is one call: bind with its answer, request with response or fault. Calls are matched by call ID and, for
// requests, know the interface their presentation context was bound to. Stub data of fragments is put together without
// headers, padding and authentication trailer; what is encrypted stays so.
//
// Both byte orders are read; Call.Little tells which one a side uses, for rules that read numbers as the sender wrote them.
//
// Limits of an association: 64 presentation contexts, 64 calls waiting for an answer (the oldest is let go), StubMax bytes
// of stub data kept for a direction of a call and 1 MiB for all open calls (the rest is counted), fragments as long as their 16-bit length says. After a
// gap a direction looks for the next plausible header at the start of a segment.
//
// Not read: the stub data's contents (NDR), security contexts, and the authentication tokens beyond their type and level.
//
// Concurrency: a parser or Association belongs to the worker of its flow.
package dcerpc
