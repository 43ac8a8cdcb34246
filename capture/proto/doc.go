// Package proto is being built; its contract is in /work/CONTRACTS.md.
package proto
