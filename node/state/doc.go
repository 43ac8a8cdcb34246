// Package state lists everything the replicated state of a site is made of: every command kind by its number, and every table.
//
// The numbers are a file format: they stand in Raft logs, snapshots and backups. A number is never changed and never used again; a kind that is
// gone stays in the list as reserved. testdata/kinds.golden pins them.
//
// It owns no table: each lies beside its domain, and is listed here so that one can read in one place what a site remembers.
package state
