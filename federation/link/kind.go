package link

import "fmt"

// Kind says what a stream or datagram is for. It is the first plaintext byte of each. The numbers are part of the wire
// format: they are never changed and never reused.
type Kind byte

// The kinds in use. 0 is the link's own.
const (
	kindControl  Kind = 0  // the link's own control stream and padding datagrams
	KindRaft     Kind = 1  // Raft RPC between nodes of one site
	KindGossip   Kind = 2  // memberlist, streams and datagrams, between nodes of one site
	KindForward  Kind = 3  // proposals and reads a follower hands to its leader
	KindMember   Kind = 4  // other calls between nodes of one site
	KindRegister Kind = 10 // cascade/register: enrolment and heartbeat, child to parent
	KindUpload   Kind = 11 // cascade/upload: records, child to parent
	KindIssue    Kind = 12 // cascade/issue: documents, opened by the child
	KindQuery    Kind = 13 // cascade/query: questions, opened by the child
)

// String names the kind for logs and metrics.
func (k Kind) String() string {
	switch k {
	case kindControl:
		return "control"
	case KindRaft:
		return "raft"
	case KindGossip:
		return "gossip"
	case KindForward:
		return "forward"
	case KindMember:
		return "member"
	case KindRegister:
		return "register"
	case KindUpload:
		return "upload"
	case KindIssue:
		return "issue"
	case KindQuery:
		return "query"
	}
	return fmt.Sprintf("kind-%d", byte(k))
}
