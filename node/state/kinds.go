package state

// Kind is one command of the replicated state.
type Kind struct {
	Number uint16
	Name   string
	Since  string // version of the program that introduced it
}

// Kinds lists every command kind. Numbers 100 to 199 belong to cascade/register, 200 to 299 to cascade/upload, 300 to 399 to cascade/issue, 400 to
// 499 to cascade/query, 500 and up to node.
func Kinds() []Kind {
	return []Kind{
		{100, "register invite", "0.1"},
		{101, "register claim", "0.1"},
		{102, "register decide", "0.1"},
		{103, "register link", "0.1"},
		{104, "register summary", "0.1"},
		{105, "register parent", "0.1"},
		{106, "register withdraw", "0.1"},
		{200, "upload append", "0.1"},
		{201, "upload accept", "0.1"},
		{202, "upload acked", "0.1"},
		{203, "upload epoch", "0.1"},
		{300, "issue stage", "0.1"},
		{301, "issue commit", "0.1"},
		{302, "issue states", "0.1"},
	}
}
