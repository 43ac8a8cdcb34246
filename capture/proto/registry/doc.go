// Package registry lists the application protocols, in the order in which recognition asks them. It is the only place
// that knows all parsers.
package registry
