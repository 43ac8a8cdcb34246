//go:build race

package cluster

import "fengsui/federation/fsm"

// biggestBody under the race detector: its copies of 16 MiB would starve three nodes' heartbeats.
const biggestBody = fsm.BodyBytesMax / 8
