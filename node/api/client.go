package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Client speaks to the node that owns a socket. Errors are *Problem where the node answered or could not be reached, and the context's error
// where that ended the call.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client for the API socket at path (see SocketName). Nothing is dialled before the first call.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}}
}

// Close drops idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Status asks what the node says about itself.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, RouteStatus, nil)
}

// Health asks for the node's checks.
func (c *Client) Health(ctx context.Context) (Health, error) {
	return get[Health](ctx, c, RouteHealth, nil)
}

// Metrics returns the node's metrics in Prometheus text form.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	res, err := c.send(ctx, http.MethodGet, RouteMetrics, nil, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, answerBytesMax))
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return b, nil
}

// Topology returns the own site and everything below it.
func (c *Client) Topology(ctx context.Context) (TopologySite, error) {
	return get[TopologySite](ctx, c, RouteTopology, nil)
}

// Invite makes a one-time enrolment token.
func (c *Client) Invite(ctx context.Context, r InviteRequest) (Invite, error) {
	return post[Invite](ctx, c, RouteInvites, r)
}

// Invites lists the tokens made and not forgotten yet, without their secrets.
func (c *Client) Invites(ctx context.Context) ([]Invite, error) {
	return get[[]Invite](ctx, c, RouteInvites, nil)
}

// Sites lists the child sites in the register.
func (c *Client) Sites(ctx context.Context) ([]Site, error) {
	return get[[]Site](ctx, c, RouteSites, nil)
}

// ApproveSite admits a child site that asked for it.
func (c *Client) ApproveSite(ctx context.Context, site string) (Site, error) {
	return post[Site](ctx, c, fill(RouteSiteApprove, site), Decision{})
}

// RejectSite turns a request down.
func (c *Client) RejectSite(ctx context.Context, site, reason string) (Site, error) {
	return post[Site](ctx, c, fill(RouteSiteReject, site), Decision{Reason: reason})
}

// RevokeSite ends the membership of an approved site: its sessions are closed and no new ones are accepted.
func (c *Client) RevokeSite(ctx context.Context, site, reason string) (Site, error) {
	return post[Site](ctx, c, fill(RouteSiteRevoke, site), Decision{Reason: reason})
}

// RemoveNode takes a node of this site out of its cluster for good, for example one whose machine is gone.
func (c *Client) RemoveNode(ctx context.Context, node, reason string) (NodeRemoval, error) {
	return call[NodeRemoval](ctx, c, http.MethodDelete, fill(RouteNode, node), values("reason", reason), nil)
}

// IssuePolicy signs and commits a document, or a newer version of one.
func (c *Client) IssuePolicy(ctx context.Context, r PolicyRequest) (Policy, error) {
	return post[Policy](ctx, c, RoutePolicies, r)
}

// Policies lists the newest version of every document this site has, own and received.
func (c *Client) Policies(ctx context.Context) ([]Policy, error) {
	return get[[]Policy](ctx, c, RoutePolicies, nil)
}

// Policy returns one document with its body. issuer "" means the one document of that kind and name, an error if several issuers have one.
func (c *Client) Policy(ctx context.Context, issuer, kind, name string) (Policy, error) {
	return get[Policy](ctx, c, fill(RoutePolicy, kind, name), values("issuer", issuer))
}

// PolicyStatus returns what every node of the subtree did with a document.
func (c *Client) PolicyStatus(ctx context.Context, issuer, kind, name string) (PolicyStatus, error) {
	return get[PolicyStatus](ctx, c, fill(RoutePolicyStatus, kind, name), values("issuer", issuer))
}

// Alerts returns one page of alerts.
func (c *Client) Alerts(ctx context.Context, f AlertFilter) (AlertPage, error) {
	return get[AlertPage](ctx, c, RouteAlerts, f.values())
}

// AlertIDs returns one page of the short form.
func (c *Client) AlertIDs(ctx context.Context, f AlertFilter) (AlertIDPage, error) {
	v := f.values()
	v.Set("form", "ids")
	return get[AlertIDPage](ctx, c, RouteAlerts, v)
}

// AllAlertIDs follows the pages of the short form to the end.
func (c *Client) AllAlertIDs(ctx context.Context, f AlertFilter) ([]AlertID, error) {
	var all []AlertID
	f.Limit = idPageMax
	for {
		p, err := c.AlertIDs(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, p.IDs...)
		if p.Next == "" {
			return all, nil
		}
		f.After = p.Next
	}
}

// TailAlerts calls fn for every alert as it is committed, until ctx ends (nil), fn returns an error (that error), or the stream breaks (a
// Problem of CodeInterrupted: call again with After set to the last alert's Position). ready, if not nil, is called once when the stream
// stands: everything committed after that moment will be seen.
func (c *Client) TailAlerts(ctx context.Context, r TailRequest, ready func(), fn func(Alert) error) error {
	v := values("after", r.After, "origin", r.Origin, "q", r.Expr)
	res, err := c.send(ctx, http.MethodGet, RouteAlertTail, v, nil)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer res.Body.Close()
	if ready != nil {
		ready()
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 0, 64<<10), lineBytesMax)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue // keep-alive
		}
		var a Alert
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return Problemf(CodeUnreadable, "is the node of the same version?", "read alert from the tail: %v", err)
		}
		if err := fn(a); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := lines.Err(); err != nil {
		return Problemf(CodeInterrupted, "tail again from the last position", "alert tail broke: %v", err)
	}
	return Problemf(CodeInterrupted, "tail again from the last position", "the node closed the alert tail")
}

// Query asks this site and those below it.
func (c *Client) Query(ctx context.Context, r QueryRequest) (QueryResult, error) {
	return post[QueryResult](ctx, c, RouteQuery, r)
}

// StartReplay runs a capture file through the node's detection.
func (c *Client) StartReplay(ctx context.Context, r ReplayRequest) (Replay, error) {
	return post[Replay](ctx, c, RouteReplays, r)
}

// Replays lists the replay jobs since the node started, newest first.
func (c *Client) Replays(ctx context.Context) ([]Replay, error) {
	return get[[]Replay](ctx, c, RouteReplays, nil)
}

// Replay returns one job; with wait it answers when the job has ended.
func (c *Client) Replay(ctx context.Context, id string, wait bool) (Replay, error) {
	v := url.Values{}
	if wait {
		v.Set("wait", "true")
	}
	return get[Replay](ctx, c, fill(RouteReplay, id), v)
}

// CancelReplay stops a job; what it has raised stays.
func (c *Client) CancelReplay(ctx context.Context, id string) (Replay, error) {
	return call[Replay](ctx, c, http.MethodDelete, fill(RouteReplay, id), nil, nil)
}

// Enforcement returns what the block lists do on this node.
func (c *Client) Enforcement(ctx context.Context) (Enforcement, error) {
	return get[Enforcement](ctx, c, RouteEnforcement, nil)
}

// Balance returns the ledger accounts.
func (c *Client) Balance(ctx context.Context) (Balances, error) {
	return get[Balances](ctx, c, RouteBalance, nil)
}

func (f AlertFilter) values() url.Values {
	v := values("origin", f.Origin, "q", f.Expr, "after", f.After)
	if !f.Since.IsZero() {
		v.Set("since", f.Since.Format(time.RFC3339Nano))
	}
	if !f.Until.IsZero() {
		v.Set("until", f.Until.Format(time.RFC3339Nano))
	}
	if f.Newest {
		v.Set("newest", "true")
	}
	if f.Limit != 0 {
		v.Set("limit", strconv.Itoa(f.Limit))
	}
	return v
}

// values pairs up names and values and leaves empty ones out.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// fill puts values into the {…} places of a route.
func fill(route string, vals ...string) string {
	for _, val := range vals {
		open, end := strings.IndexByte(route, '{'), strings.IndexByte(route, '}')
		route = route[:open] + url.PathEscape(val) + route[end+1:]
	}
	return route
}

func get[T any](ctx context.Context, c *Client, path string, v url.Values) (T, error) {
	return call[T](ctx, c, http.MethodGet, path, v, nil)
}

func post[T any](ctx context.Context, c *Client, path string, in any) (T, error) {
	return call[T](ctx, c, http.MethodPost, path, nil, in)
}

func call[T any](ctx context.Context, c *Client, method, path string, v url.Values, in any) (T, error) {
	var out T
	res, err := c.send(ctx, method, path, v, in)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, answerBytesMax)).Decode(&out); err != nil {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		return out, Problemf(CodeUnreadable, "is the node of the same version?", "read the answer of %s: %v", path, err)
	}
	return out, nil
}

// send makes one call and turns everything that is not a success into an error; the caller closes the body.
func (c *Client) send(ctx context.Context, method, path string, v url.Values, in any) (*http.Response, error) {
	target := "http://node" + path
	if len(v) > 0 {
		target += "?" + v.Encode()
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request of %s: %w", path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("build request of %s: %w", path, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	var p Problem
	if err := json.NewDecoder(io.LimitReader(res.Body, lineBytesMax)).Decode(&p); err != nil || p.Code == "" {
		return nil, Problemf(CodeUnreadable, "is the node of the same version?", "the node answered %s with status %d", path, res.StatusCode)
	}
	return nil, &p
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return Problemf(CodeNotRunning, "start it with: fengsui node run", "no node is running on %s", c.socket)
	case errors.Is(err, fs.ErrPermission):
		return Problemf(CodeNotAllowed, "run the command as the user that runs the node, or as root", "may not open %s", c.socket)
	default:
		return Problemf(CodeInterrupted, "", "call the node on %s: %v", c.socket, err)
	}
}
