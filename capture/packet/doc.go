// Package packet is being built; its contract is in /work/CONTRACTS.md.
package packet
