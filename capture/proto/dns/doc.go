// Package dns is being built; its contract is in /work/CONTRACTS.md.
package dns
