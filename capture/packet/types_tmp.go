package packet

// EventSet is a set of decode events.
type EventSet [2]uint64

type checksums struct{ state uint8 }
