//go:build !race

package cluster

import "fengsui/federation/fsm"

// biggestBody is the largest body a command may have.
const biggestBody = fsm.BodyBytesMax
