package wire

// Version is the protocol version spoken here, VersionMin the oldest still understood. A new
// version is needed only when old and new could misunderstand each other; new fields, codes,
// classes and record types need none.
const (
	Version    = 1
	VersionMin = 1
)

// CheckVersion decides about the version in a session's first frame and returns the one to
// speak: the lower of both. A peer too old to be understood is refused with CodeVersion.
func CheckVersion(peer uint32) (uint32, error) {
	switch {
	case peer == 0:
		return 0, Refuse(CodeMalformed, "version: missing")
	case peer < VersionMin:
		return 0, Refuse(CodeVersion, "version %d is no longer spoken here (oldest %d): upgrade the older side", peer, VersionMin)
	}
	return min(peer, Version), nil
}
