// Package enip reads EtherNet/IP encapsulation over TCP and UDP and the CIP messages in it (ODVA, The CIP Networks Library,
// volumes 1 and 2): sessions, identity and service lists, explicit messages with their paths, unconnected send and
// multiple service packets unwrapped.
//
// A transaction is a message with the other side's next message of the same command; either side may begin. What a
// message carries is told by its contents (CIP answers have the service's top bit set).
//
// Limits: 64 CIP messages a transaction, 4 levels of wrapping, 64 attributes a message, 64 transactions waiting; data of
// services is not kept. Implicit (I/O) messages of port 2222 are not read. After a hole the parser waits for a header.
//
// Recognition: a register session request that is right to its last byte anywhere, any plausible header on port 44818.
// Concurrency: a parser belongs to the worker of its flow.
package enip
