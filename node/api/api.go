package api

import "time"

// SocketName is the file name of the local API inside the data directory.
const SocketName = "fengsui.sock"

// Routes of version 1. A path with {…} takes a value in its place.
const (
	RouteStatus       = "/v1/status"
	RouteHealth       = "/v1/health"
	RouteMetrics      = "/v1/metrics"
	RouteTopology     = "/v1/topology"
	RouteInvites      = "/v1/invites"
	RouteSites        = "/v1/sites"
	RouteSiteApprove  = "/v1/sites/{site}/approve"
	RouteSiteReject   = "/v1/sites/{site}/reject"
	RouteSiteRevoke   = "/v1/sites/{site}/revoke"
	RouteNode         = "/v1/nodes/{node}"
	RoutePolicies     = "/v1/policies"
	RoutePolicy       = "/v1/policies/{kind}/{name}"
	RoutePolicyStatus = "/v1/policies/{kind}/{name}/status"
	RouteAlerts       = "/v1/alerts"
	RouteAlertTail    = "/v1/alerts/tail"
	RouteQuery        = "/v1/query"
	RouteReplays      = "/v1/replays"
	RouteReplay       = "/v1/replays/{id}"
	RouteEnforcement  = "/v1/enforcement"
	RouteBalance      = "/v1/ledger/balance"
)

// Status is what a node says about itself.
type Status struct {
	Version   string    `json:"version"`
	Site      string    `json:"site"`
	SiteName  string    `json:"site_name"`
	Node      string    `json:"node"`
	State     string    `json:"state"` // starting, running, read-only (no quorum), stopping
	Started   time.Time `json:"started"`
	PID       int       `json:"pid"`
	Listen    string    `json:"listen"`
	Advertise string    `json:"advertise"`

	Cluster     ClusterStatus   `json:"cluster"`
	Parent      *ParentStatus   `json:"parent,omitempty"` // nil at the root of the tree
	Capture     []CaptureStatus `json:"capture"`
	Detection   Detection       `json:"detection"`
	Pipeline    PipelineStatus  `json:"pipeline"`
	Certificate Certificate     `json:"certificate"`
	Load        LoadStatus      `json:"load"`
	Evidence    *EvidenceStatus `json:"evidence,omitempty"` // nil when no packets are kept
}

// LoadStatus tells what the process uses of its machine, and what was not inspected because of that.
type LoadStatus struct {
	Level       int     `json:"level"`                  // 0 everything is inspected
	CPU         float64 `json:"cpu"`                    // percent of the processors, over the last second
	CPULimit    float64 `json:"cpu_limit,omitempty"`    // 0: none
	Memory      float64 `json:"memory"`                 // percent of the machine's, or of the cgroup's
	MemoryLimit float64 `json:"memory_limit,omitempty"` // 0: none
	Upward      uint64  `json:"upward_bytes"`           // of records sent to the parent
	Waited      float64 `json:"upward_waited_seconds"`  // by them for their turn
	CutBytes    uint64  `json:"shed_payload_bytes"`     // not inspected: beyond the depth
	Flows       uint64  `json:"shed_flows"`             // let go
	FlowBytes   uint64  `json:"shed_flow_bytes"`        // of those flows
}

// EvidenceStatus tells what was kept of alerts' packets.
type EvidenceStatus struct {
	Files   uint64 `json:"files"` // now there
	Bytes   uint64 `json:"bytes"`
	Written uint64 `json:"written"`
	Removed uint64 `json:"removed"`  // to make room
	NotKept uint64 `json:"not_kept"` // too many at once, or the disk
	Error   string `json:"error,omitempty"`
}

// ClusterStatus is the node's view of its site's Raft group.
type ClusterStatus struct {
	Leader   string       `json:"leader"` // node name, "" while there is none
	IsLeader bool         `json:"is_leader"`
	Quorum   bool         `json:"quorum"`
	Index    uint64       `json:"applied_index"`
	Term     uint64       `json:"applied_term"`
	Nodes    []NodeStatus `json:"nodes"`
}

// NodeStatus is one node of a site.
type NodeStatus struct {
	Name   string `json:"name"`
	Addr   string `json:"addr"`
	Voter  bool   `json:"voter"`
	Alive  bool   `json:"alive"`
	Leader bool   `json:"leader"`
}

// ParentStatus is the link to the parent site as this node sees it. Only the site's leader holds the link: on the others Connected is false
// and Holder names the leader.
type ParentStatus struct {
	Site      string    `json:"site"`
	Connected bool      `json:"connected"`
	Holder    string    `json:"holder"`         // node that runs the uplink
	Addr      string    `json:"addr,omitempty"` // address in use
	Since     time.Time `json:"since"`          // of the present state
	Addrs     []string  `json:"addrs"`          // addresses it may be reached at
	Error     string    `json:"error,omitempty"`
}

// CaptureStatus is one capture source.
type CaptureStatus struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`  // pcap or interface
	State   string `json:"state"` // running, done, failed, retrying
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Dropped uint64 `json:"dropped"` // by the kernel or by us
	Error   string `json:"error,omitempty"`
}

// Detection tells which rules and indicators judge the traffic now.
type Detection struct {
	Generation uint64            `json:"generation"` // counts swaps since start
	Signatures int               `json:"signatures"`
	Indicators int               `json:"indicators"`
	Blocked    int               `json:"blocked"` // entries of the block lists in force
	Documents  []AppliedDocument `json:"documents"`
}

// AppliedDocument is one document this node has dealt with.
type AppliedDocument struct {
	Issuer  string `json:"issuer"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version uint64 `json:"version"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
}

// PipelineStatus counts what happened between detection and the ledger on this node since it started.
type PipelineStatus struct {
	Alerts    uint64 `json:"alerts"`    // raised by detectors, before folding
	Folded    uint64 `json:"folded"`    // repeats that became part of a tally
	Records   uint64 `json:"records"`   // alert records made of them: first ones and tallies
	Queued    int    `json:"queued"`    // waiting for the ledger now
	Spooled   uint64 `json:"spooled"`   // waiting on disk now, because there is no quorum
	Committed uint64 `json:"committed"` // accepted by the ledger
	Shed      uint64 `json:"shed"`      // given up because the queue was full (live capture only)
}

// Certificate is the validity of the node's own certificate.
type Certificate struct {
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	RenewAt     time.Time `json:"renew_at"`
}

// Health is the answer of RouteHealth. Status is the worst of the checks: ok, degraded, failing.
type Health struct {
	Status string        `json:"status"`
	Checks []HealthCheck `json:"checks"`
}

// HealthCheck is one thing looked at.
type HealthCheck struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// TopologySite is one site and everything below it. RouteTopology answers with the own site as root.
type TopologySite struct {
	Site     string            `json:"site"`
	Name     string            `json:"name"`
	Parent   string            `json:"parent,omitempty"`
	Link     string            `json:"link"` // online, offline, never; self for the answering site
	Since    time.Time         `json:"since"`
	Nodes    []TopologyNode    `json:"nodes"`
	Counts   map[string]uint64 `json:"counts,omitempty"` // records by class, as the site last told
	Children []TopologySite    `json:"children"`
}

// TopologyNode is one node of a site, as the site last told.
type TopologyNode struct {
	Name   string `json:"name"`
	Addr   string `json:"addr"`
	Alive  bool   `json:"alive"`
	Leader bool   `json:"leader"`
}

// InviteRequest asks for a one-time enrolment token.
type InviteRequest struct {
	Purpose string        `json:"purpose"`           // site: a child site. node: a further node of this site
	Site    string        `json:"site,omitempty"`    // purpose site: the code the child will have
	Name    string        `json:"name,omitempty"`    // purpose site: display name. purpose node: node name, "" lets the node choose
	Approve bool          `json:"approve,omitempty"` // purpose site: enrol without a further decision
	TTL     time.Duration `json:"ttl_ns,omitempty"`  // 0 = 24 h; at most 30 days
}

// Invite is the answer: the token is shown once and kept nowhere in clear.
type Invite struct {
	ID      string    `json:"id"`
	Token   string    `json:"token,omitempty"`
	Purpose string    `json:"purpose"`
	Site    string    `json:"site"`
	Expires time.Time `json:"expires"`
	State   string    `json:"state"` // open, used, expired
}

// Site is one child site in the register.
type Site struct {
	Site        string    `json:"site"`
	Name        string    `json:"name"`
	State       string    `json:"state"` // pending, approved, rejected, revoked
	Reason      string    `json:"reason,omitempty"`
	Requested   time.Time `json:"requested"`
	Decided     time.Time `json:"decided"`
	Fingerprint string    `json:"fingerprint"` // of the key it asked a certificate for: compare it by another way before approving
	Link        string    `json:"link"`        // online, offline, never
	Holder      string    `json:"holder,omitempty"`
	Since       time.Time `json:"since"`
}

// Decision is the body of approve, reject and revoke.
type Decision struct {
	Reason string `json:"reason,omitempty"`
}

// NodeRemoval is the answer to the removal of a node from its site.
type NodeRemoval struct {
	Node    string `json:"node"`
	Revoked bool   `json:"revoked"` // its enrolment has been ended too: it cannot come back with this key. False for a site's first node, which enrolled itself: keep it stopped
}

// PolicyRequest issues a document, or a newer version of one.
type PolicyRequest struct {
	Kind    string   `json:"kind"` // ruleset, indicators, blocklist
	Name    string   `json:"name"`
	Targets []string `json:"targets,omitempty"` // site codes, each meaning that site and all below it; empty = the whole subtree
	Body    []byte   `json:"body"`              // base64 in JSON; at most bodyBytesMax
}

// Policy is one document as the ledger of the answering site has it.
type Policy struct {
	Issuer  string         `json:"issuer"`
	Kind    string         `json:"kind"`
	Name    string         `json:"name"`
	Version uint64         `json:"version"`
	Targets []string       `json:"targets"`
	Created time.Time      `json:"created"`
	Bytes   int            `json:"bytes"`
	Digest  string         `json:"digest"`           // SM3 of the body, hex
	Body    []byte         `json:"body,omitempty"`   // only in RoutePolicy
	States  map[string]int `json:"states,omitempty"` // nodes by state, over the subtree
}

// PolicyState is what one node did with the newest version it has seen.
type PolicyState struct {
	Site    string    `json:"site"`
	Node    string    `json:"node"`
	Version uint64    `json:"version"`
	State   string    `json:"state"` // received, applied, refused, held
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
}

// PolicyStatus is the answer of RoutePolicyStatus.
type PolicyStatus struct {
	Policy Policy        `json:"policy"`
	Nodes  []PolicyState `json:"nodes"`
}

// Alert is one alert record in this site's ledger, own or received.
type Alert struct {
	Position string `json:"position"` // resume point for paging and tail at this node's site; opaque
	ID       string `json:"id"`       // record id, 32 hex digits, the same at every tier
	Origin   string `json:"origin"`
	Sensor   string `json:"sensor"` // node of the origin that saw it
	Epoch    uint32 `json:"epoch"`
	Class    string `json:"class"`
	Seq      uint64 `json:"seq"`

	Time     time.Time `json:"time"`     // of the packet
	Detected time.Time `json:"detected"` // origin's clock when the detector raised it
	Received time.Time `json:"received"` // this site's clock when its ledger accepted it

	Detector  string              `json:"detector"` // signature, intel
	SID       uint32              `json:"sid,omitempty"`
	GID       uint32              `json:"gid,omitempty"`
	Rev       uint32              `json:"rev,omitempty"`
	Msg       string              `json:"msg"`
	Category  string              `json:"category,omitempty"`
	Severity  int                 `json:"severity"` // 1 (worst) to 4, as Suricata
	Proto     string              `json:"proto"`
	AppProto  string              `json:"app_proto,omitempty"`
	SrcIP     string              `json:"src_ip"`
	SrcPort   uint16              `json:"src_port,omitempty"`
	DestIP    string              `json:"dest_ip"`
	DestPort  uint16              `json:"dest_port,omitempty"`
	FlowID    uint64              `json:"flow_id,omitempty"`
	Action    string              `json:"action,omitempty"`
	Indicator string              `json:"indicator,omitempty"`
	Count     uint64              `json:"count"` // packets or transactions folded into it
	First     time.Time           `json:"first"`
	Last      time.Time           `json:"last"`
	Metadata  map[string][]string `json:"metadata,omitempty"`
}

// AlertFilter chooses alerts. Zero values do not filter. It travels as URL parameters of the same names.
type AlertFilter struct {
	Newest bool      // the newest Limit alerts, newest first; After and Next are not used then
	Origin string    // site code
	Expr   string    // query expression, see node/search
	Since  time.Time // by event time, inclusive
	Until  time.Time // by event time, exclusive
	After  string    // position: only what comes after it
	Limit  int       // 0 = 100; at most 1 000, in the ids form 50 000
}

// AlertPage is one page in ledger order (oldest first). Next continues; it is "" when the end was reached.
type AlertPage struct {
	Alerts []Alert `json:"alerts"`
	Next   string  `json:"next,omitempty"`
}

// AlertID is the short form used for counting: what makes a record one and the same everywhere.
type AlertID struct {
	ID     string `json:"id"`
	Origin string `json:"origin"`
	Epoch  uint32 `json:"epoch"`
	Class  string `json:"class"`
	Seq    uint64 `json:"seq"`
}

// AlertIDPage is a page of the ids form.
type AlertIDPage struct {
	IDs  []AlertID `json:"ids"`
	Next string    `json:"next,omitempty"`
}

// TailRequest starts a tail. After "" starts with what is committed from now on, "start" with the oldest record, else behind that position.
type TailRequest struct {
	After  string
	Origin string
	Expr   string
}

// TailStart is the After value that starts a tail with the oldest record.
const TailStart = "start"

// QueryRequest asks this site and sites below it.
type QueryRequest struct {
	Expr     string        `json:"expr"`
	Scope    string        `json:"scope,omitempty"`       // site (default): own records. subtree: own and all below. A site code: that site and all below it
	Deadline time.Duration `json:"deadline_ns,omitempty"` // 0 = 5 s; at most 60 s
	Limit    int           `json:"limit,omitempty"`       // rows; 0 = 100, at most 10 000
}

// QueryResult holds the newest matching rows and who answered.
type QueryResult struct {
	ID        string        `json:"id"`
	Rows      []Alert       `json:"rows"`
	Matched   uint64        `json:"matched"`   // over all sites that answered, also beyond Limit
	Truncated bool          `json:"truncated"` // more matched than rows are shown
	Complete  bool          `json:"complete"`  // every site in scope answered in full
	Sites     []SiteAnswer  `json:"sites"`
	Elapsed   time.Duration `json:"elapsed_ns"`
}

// SiteAnswer is one line of the completeness list.
type SiteAnswer struct {
	Site    string        `json:"site"`
	Status  string        `json:"status"` // answered, partial, late, offline, refused
	Rows    uint64        `json:"rows"`
	Elapsed time.Duration `json:"elapsed_ns"`
	Reason  string        `json:"reason,omitempty"`
}

// ReplayRequest runs a capture file through the node's own detection. Each replay has its own flow table and its
// own folding, so that replaying a file twice counts twice.
type ReplayRequest struct {
	Path   string  `json:"path"`             // on the node's machine, absolute
	Speed  float64 `json:"speed,omitempty"`  // 0 = as fast as possible, 1 = as recorded, 10 = ten times faster
	Repeat int     `json:"repeat,omitempty"` // times in all; 0 = once
	Rebase bool    `json:"rebase,omitempty"` // move packet times so that the first packet happens now
	Wait   bool    `json:"wait,omitempty"`   // answer when it has ended and its alerts are in the ledger
}

// Replay is one replay job.
type Replay struct {
	ID        string    `json:"id"`
	Path      string    `json:"path"`
	State     string    `json:"state"` // running, done, failed, cancelled
	Error     string    `json:"error,omitempty"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended"`
	Packets   uint64    `json:"packets"`
	Bytes     uint64    `json:"bytes"`
	Flows     uint64    `json:"flows"`
	Raised    uint64    `json:"raised"`    // alerts before folding
	Alerts    uint64    `json:"alerts"`    // alert records handed to the ledger
	Committed uint64    `json:"committed"` // alert records the ledger has accepted
	CutOff    bool      `json:"cut_off"`   // the file ends inside a packet; everything before was read
}

// Enforcement is what the block lists do on this node.
type Enforcement struct {
	Mode    string    `json:"mode"`  // off, nftables
	State   string    `json:"state"` // in force, off, refused, failed
	Reason  string    `json:"reason,omitempty"`
	Entries []string  `json:"entries"` // addresses and prefixes in force
	Packets uint64    `json:"packets"` // dropped by them, where the kernel counts
	Bytes   uint64    `json:"bytes"`
	Since   time.Time `json:"since"`
}

// Balance is the ledger account of one origin and class at this site: produced = delivered + shed + pending.
type Balance struct {
	Origin    string `json:"origin"`
	Epoch     uint32 `json:"epoch"`
	Class     string `json:"class"`
	Produced  uint64 `json:"produced"`  // highest sequence in this ledger
	Shed      uint64 `json:"shed"`      // given up under the quota
	Delivered uint64 `json:"delivered"` // acknowledged by the parent; equals Produced at the root, which delivers to nobody
	Pending   uint64 `json:"pending"`
}

// Balances is the answer of RouteBalance.
type Balances struct {
	Site  string    `json:"site"`
	Root  bool      `json:"root"` // this site has no parent
	Lanes []Balance `json:"lanes"`
}
