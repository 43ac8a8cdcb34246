// Package topology is the tree of sites as one site knows it: itself, and below each child what that child has reported
// about its own subtree.
//
// A Tree is built from parts and never changes: a new report means a new tree. What a child reports is foreign: a site
// it may not speak for is left out with a Problem, and the rest of the tree stands. Everything handed out is a copy.
// All methods may be called from any goroutine.
//
// It does no I/O, keeps no time and decides nothing about trust: whose report it is was settled by the link.
package topology
