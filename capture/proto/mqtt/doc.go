// Package mqtt reads MQTT 3.1, 3.1.1 and 5.0 over TCP (the IBM specification of 2010, OASIS mqtt-v3.1.1-os, mqtt-v5.0-os):
// all packet types with all properties.
//
// A transaction is what belongs together: CONNECT with CONNACK, SUBSCRIBE with SUBACK, UNSUBSCRIBE with UNSUBACK, a
// PUBLISH with the acknowledgements its quality of service asks for; every other packet is one of its own. It belongs to
// the direction of its first packet and is complete with its last.
//
// Limits: 128 KiB of a packet are read (the rest is passed over), 64 packets, 256 topics, 64 properties a transaction,
// 512 unfinished transactions a flow; of unfinished publications 1 MiB of payload is held in all, beyond it 1 KiB of each.
// A packet that cannot be read becomes a transaction with the event malformed_traffic. After a hole the parser waits for
// a segment that begins with whole packets.
//
// It does not read what is published, and not MQTT-SN. Concurrency: a parser belongs to the worker of its flow.
package mqtt
