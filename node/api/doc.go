// Package api is the local door of a node: HTTP/JSON over a unix socket in the data directory.
//
// It owns the request and response types, the one route table, the socket and who may open it, and the client that node/cli and node/demo
// use. It decides nothing about sites, alerts or documents: each group of routes calls a port (port.go) which the composition in node/ fills.
//
// Who may call: the socket is 0600 in a directory of 0700, and the server asks the kernel for the caller's uid (SO_PEERCRED): only the uid the
// node runs as, and root, are served.
//
// Concurrency: a Server serves any number of calls at once up to callsMax; a Client may be shared by goroutines.
//
// On the wire: requests and answers are JSON, one value each. A refusal is a Problem. Tail streams are one JSON value a line (ndjson) and end
// only when the caller hangs up or the node stops.
package api
