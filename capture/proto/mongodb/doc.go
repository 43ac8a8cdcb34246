// Package mongodb reads the MongoDB wire protocol (MongoDB manual, "MongoDB Wire Protocol"): OP_MSG with its sections,
// OP_QUERY and OP_REPLY, the old write operations, OP_COMPRESSED with zlib (other compressions are noted).
//
// A transaction is one command with its reply: database, collection, the command rendered as JSON, outcome, error code,
// how many documents came or were changed. The user is told by SASL (SCRAM, PLAIN, also speculative) or authenticate and
// counts from the server's consent on. Passwords, SASL payloads and keys are rendered as "***".
//
// Limits: 64 KiB of a message are read, 64 KiB of a compressed one unpacked, documents 16 levels deep, 4 KiB of rendered
// command, 256 commands waiting for their reply. After a hole the parser waits for a segment that begins with a message's
// header. Concurrency: a parser belongs to the worker of its flow.
package mongodb
