package fsm

// Limits of the command envelope. They are part of the wire format: every node of a
// site must agree on them, so they only ever grow, and only with a new entry format.
const (
	// EntryCommandsMax is how many commands one log entry may hold.
	EntryCommandsMax = 256
	// EntryBytesTarget is the size at which a proposer stops adding commands to an entry.
	EntryBytesTarget = 1 << 20
	// BodyBytesMax is the largest command body. One such command fills an entry alone.
	BodyBytesMax = 16 << 20
	// EntryBytesMax is the largest encoded entry: one maximal command, or many up to the target.
	EntryBytesMax = BodyBytesMax + EntryBytesTarget

	// ResultValueBytesMax is the largest value a table may return for one command.
	ResultValueBytesMax = 1 << 20
	// refusalTextBytesMax is where a refusal's text is cut when it is encoded.
	refusalTextBytesMax = 1024
)

// Limits of the snapshot stream.
const (
	frameBytesMax    = 256 << 10 // one frame of the stream; the digest advances frame by frame
	keyBytesMax      = 32768     // bbolt's own limit (MaxKeySize)
	valueBytesMax    = 256 << 20 // far above any body; a reader grows its buffer only as bytes arrive
	bucketDepthMax   = 16        // nested buckets
	restoreItemsMax  = 4096      // items in one transaction of a restore
	restoreBytesMax  = 8 << 20   // bytes in one transaction of a restore
	storePageBytes   = 4096      // the same on every architecture, so that files can be compared
	storeMapBytesMin = 16 << 30  // address space reserved at open; see openStore
)
