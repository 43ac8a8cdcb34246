// Package redis reads the Redis serialization protocol, versions 2 and 3 (redis.io "Redis serialization protocol
// specification"), and inline commands. Valkey, KeyDB and Dragonfly speak it too.
//
// A transaction is one command with its reply; commands may be sent ahead of replies. Passwords (AUTH, HELLO … AUTH,
// CONFIG SET requirepass, ACL SETUSER >…, MIGRATE … AUTH) are replaced by *** in events; rules see the command as sent.
// The user is the one of the last successful AUTH, the database that of the last SELECT.
//
// Limits: of a command 32 words of 512 bytes each, of a reply its first line and how many elements it has; longer strings
// are passed over. Replies nest 16 deep, 1024 commands wait at most, a line has 64 KiB. Messages of subscriptions are not
// transactions. After a hole the parser waits for a segment that begins a command; replies in between are passed over.
// Concurrency: a parser belongs to the worker of its flow.
package redis
