//go:build !hyperscan

package prefilter

// accelerator is another engine for the patterns of a zone; this build has none.
type accelerator struct{}

// workspace is what an accelerator needs in a Hits.
type workspace struct{} //nolint:unused // see Hits

func newAccelerator([]pattern) *accelerator { return nil }

func (*accelerator) scan([]byte, int, int, *Hits) bool { return false }
