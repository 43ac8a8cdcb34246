// Package known recognises application protocols that have no parser yet, by their first bytes. A flow so recognised has
// its protocol's name (flow records, rules of that protocol, app-layer-protocol), its bytes are matched raw.
//
// A recogniser says yes only to content that another protocol is unlikely to begin with; where content alone leaves
// doubt it also asks for the protocol's port. When a protocol gets its parser, its recogniser moves to the parser's package.
package known
