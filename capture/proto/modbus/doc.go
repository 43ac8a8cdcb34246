// Package modbus reads Modbus over TCP (Modbus Application Protocol 1.1b3, Messaging on TCP/IP 1.0b). A transaction is a
// request with its response, matched by transaction number and unit.
//
// Requests are read as far as access control needs: function, what is read or written (coils, discrete inputs, input and
// holding registers), addresses, quantities and the values written. Of responses the exception and the values read are
// kept.
//
// Limits: a message is at most 260 bytes by its definition, 512 requests wait for their response. After a gap reading goes
// on where a header fits. Recognition: a header that fits its message and a known function. Concurrency: a parser belongs
// to the worker of its flow.
package modbus
