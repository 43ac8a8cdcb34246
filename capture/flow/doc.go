// Package flow is being built; its contract is in /work/CONTRACTS.md.
package flow
