// Package stream is being built; its contract is in /work/CONTRACTS.md.
package stream
