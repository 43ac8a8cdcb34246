// Package cascadetest gives the tests of the four interfaces a site's ledger
// and a link in one process: a [Ledger] that applies commands to a real bbolt
// file through the real tables, and a [Link] that hands out net.Conn pairs and
// can be cut, cut after so many bytes, or frozen.
//
// It is for tests only. It stands in for cluster and uplink, which these rooms
// may not know; what it leaves out is replication itself. Every method may be
// called from any goroutine, also inside a synctest bubble.
package cascadetest
