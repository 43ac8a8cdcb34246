// Package field is what rules can ask of application protocols: for each protocol a table of its byte buffers, numbers,
// other conditions and events under the names of the rule language. One file a protocol; protocols.go lists them.
//
// A keyword may stand in several tables (http.uri in those of http and http2): the engine takes the one of the flow's
// protocol. The tables only read transactions of capture/proto; how rules are compiled and judged is package signature's
// business.
//
// Concurrency: tables are made once and never written. Get and the functions Parse returns are called by the worker that
// owns the transaction.
package field
