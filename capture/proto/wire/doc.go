// Package wire is what parsers of binary protocols share: a reader that never runs past its bytes, and the cutting of a
// TCP stream into messages that say their own length.
//
// Frames keeps no bytes: it cuts what it is given. A message longer than its limit is given cut and the rest is passed
// over unseen. After a hole the place of the next message is kept when the hole lay inside one message whose length was
// known; otherwise bytes are dropped until Sync finds a beginning.
//
// It knows no protocol. Concurrency: a Reader and a Frames belong to one parser.
package wire
