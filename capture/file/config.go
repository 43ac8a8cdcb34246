package file

import "hash"

// Digest is a hash to compute over files.
type Digest struct {
	Name string // "md5", "sha1", "sha256", "sm3"
	New  func() hash.Hash
}

// Config says what is kept and computed. It is shared by all workers and never written.
type Config struct {
	Keep    int      // first bytes kept for inspection, 0 is KeepDefault
	Digests []Digest // computed over every file
	Magic   bool     // the type of each file goes into its event
	// Store takes files that rules ask for (File.Store); nil when none are kept. StoreAll keeps every whole file.
	Store    *Store
	StoreAll bool
}

const (
	// KeepDefault is how many bytes of a file are kept when nothing else is said.
	KeepDefault = 100 << 10
	// NameBytesMax bounds a file's name.
	NameBytesMax = 4096
)
