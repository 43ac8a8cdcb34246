package api

import (
	"context"
	"net/http"
)

// Ports are what the routes call. All must be set. Every method may be called by many goroutines; errors that are *Problem travel as they
// are, any other becomes CodeInternal and is logged.
type Ports struct {
	Node     NodePort
	Sites    SitesPort
	Policies PoliciesPort
	Alerts   AlertsPort
	Query    QueryPort
	Replays  ReplaysPort
	Metrics  http.Handler // Prometheus text
}

// NodePort tells about the node and its surroundings.
type NodePort interface {
	Status(ctx context.Context) (Status, error)
	Health(ctx context.Context) (Health, error)
	Topology(ctx context.Context) (TopologySite, error)
	Enforcement(ctx context.Context) (Enforcement, error)
	Balance(ctx context.Context) (Balances, error)
}

// SitesPort admits children and further nodes.
type SitesPort interface {
	Invite(ctx context.Context, r InviteRequest) (Invite, error)
	Invites(ctx context.Context) ([]Invite, error)
	Sites(ctx context.Context) ([]Site, error)
	// Decide moves a site to "approved", "rejected" or "revoked".
	Decide(ctx context.Context, site, state, reason string) (Site, error)
	// RemoveNode takes a node of this site out of the cluster and ends its enrolment.
	RemoveNode(ctx context.Context, node, reason string) (NodeRemoval, error)
}

// PoliciesPort issues documents and tells what became of them. issuer may be "" where kind and name are unambiguous.
type PoliciesPort interface {
	Issue(ctx context.Context, r PolicyRequest) (Policy, error)
	Policies(ctx context.Context) ([]Policy, error)
	Policy(ctx context.Context, issuer, kind, name string) (Policy, error)
	PolicyStatus(ctx context.Context, issuer, kind, name string) (PolicyStatus, error)
}

// AlertsPort reads the alert records of the ledger.
type AlertsPort interface {
	Alerts(ctx context.Context, f AlertFilter) (AlertPage, error)
	AlertIDs(ctx context.Context, f AlertFilter) (AlertIDPage, error)
	// Tail calls emit with nothing as soon as its position is fixed, then with what is committed, in order, until ctx ends (nil) or emit
	// returns an error (that error).
	Tail(ctx context.Context, r TailRequest, emit func([]Alert) error) error
}

// QueryPort asks the tree.
type QueryPort interface {
	Query(ctx context.Context, r QueryRequest) (QueryResult, error)
}

// ReplaysPort runs capture files.
type ReplaysPort interface {
	Start(ctx context.Context, r ReplayRequest) (Replay, error) // does not wait
	Wait(ctx context.Context, id string) (Replay, error)
	Replay(ctx context.Context, id string) (Replay, error)
	Replays(ctx context.Context) ([]Replay, error)
	Cancel(ctx context.Context, id string) (Replay, error)
}
