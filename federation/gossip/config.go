package gossip

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"

	"fengsui/federation/link"
	"fengsui/gmcrypto/identity"
)

// Config is what Open needs.
type Config struct {
	// Node is this node's name in its site, as in its certificate.
	Node string
	// Site is this node's site; members of other sites are never heard.
	Site identity.Site
	// Transport carries everything. It must be open, and running by the time of the first Join.
	Transport *link.Transport
	// Meta is what this node says about itself; an empty Addr becomes the transport's advertised address.
	Meta Meta
	// Tuning is how fast and how chatty; the zero value is DefaultTuning.
	Tuning Tuning
	// Logger receives what an operator should know, and memberlist's own log at debug level.
	Logger *slog.Logger
}

// Tuning trades speed of detection against traffic and false alarms. A dead node is known after about
// (nodes-1)·ProbeInterval/2 + ProbeInterval + SuspicionMult·ProbeInterval, at most twice the last term more.
type Tuning struct {
	ProbeInterval    time.Duration // between probes of one random member each; 400 ms
	ProbeTimeout     time.Duration // for an answer, before others are asked to probe; below ProbeInterval; 200 ms
	SuspicionMult    int           // how many intervals a suspect may defend itself; 3
	GossipInterval   time.Duration // between rounds of news; 100 ms
	PushPullInterval time.Duration // between full exchanges with one random member; 15 s
}

// DefaultTuning suits the nodes of one operations centre.
func DefaultTuning() Tuning {
	return Tuning{
		ProbeInterval: 400 * time.Millisecond, ProbeTimeout: 200 * time.Millisecond, SuspicionMult: 3,
		GossipInterval: 100 * time.Millisecond, PushPullInterval: 15 * time.Second,
	}
}

func (c *Config) validate() error {
	var errs []error
	if c.Node == "" {
		errs = append(errs, errors.New("node name missing"))
	}
	if c.Site == "" {
		errs = append(errs, errors.New("site missing"))
	}
	if c.Transport == nil {
		errs = append(errs, errors.New("transport missing"))
	}
	if c.Logger == nil {
		errs = append(errs, errors.New("logger missing"))
	}
	if c.Tuning == (Tuning{}) {
		c.Tuning = DefaultTuning()
	}
	t := c.Tuning
	if t.ProbeInterval <= 0 || t.ProbeTimeout <= 0 || t.ProbeTimeout >= t.ProbeInterval {
		errs = append(errs, fmt.Errorf("probe timeout %v must lie between 0 and the probe interval %v", t.ProbeTimeout, t.ProbeInterval))
	}
	if t.SuspicionMult < 1 || t.GossipInterval <= 0 || t.PushPullInterval <= 0 {
		errs = append(errs, errors.New("suspicion multiple, gossip interval and push-pull interval must be positive"))
	}
	return errors.Join(errs...)
}

// Bounds handed to memberlist.
const (
	streamTimeout        = 2 * time.Second // dialling and state exchange
	handoffQueueMax      = 1024
	suspicionMaxMultiple = 2
	labelPrefix          = "fengsui/" // packets of another site's ring are dropped by their label
)

// ring makes memberlist's configuration.
func (c *Config) ring(carrier *link.GossipTransport, d *delegate, output io.Writer) (*memberlist.Config, error) {
	ip, port, err := carrier.FinalAdvertiseAddr("", 0)
	if err != nil {
		return nil, err
	}
	m := memberlist.DefaultLANConfig()
	m.Name = c.Node
	m.Label = labelPrefix + string(c.Site)
	m.Transport = carrier
	// memberlist looks at these even when it does not open a socket itself.
	m.BindAddr, m.BindPort = ip.String(), port
	m.AdvertiseAddr, m.AdvertisePort = ip.String(), port
	m.UDPBufferSize = link.GossipPacketBytes
	m.TCPTimeout = streamTimeout
	m.ProbeInterval, m.ProbeTimeout = c.Tuning.ProbeInterval, c.Tuning.ProbeTimeout
	m.SuspicionMult, m.SuspicionMaxTimeoutMult = c.Tuning.SuspicionMult, suspicionMaxMultiple
	m.GossipInterval, m.PushPullInterval = c.Tuning.GossipInterval, c.Tuning.PushPullInterval
	// A node that comes back at another address may have its name as soon as it is known to be dead.
	m.DeadNodeReclaimTime = time.Nanosecond
	m.HandoffQueueDepth = handoffQueueMax
	m.EnableCompression = false
	m.GossipVerifyIncoming, m.GossipVerifyOutgoing = false, false // sealed by the link
	m.Delegate, m.Events, m.Conflict = d, d, d
	m.LogOutput = output
	return m, nil
}

// hostPort joins what memberlist knows of a node's address.
func hostPort(n *memberlist.Node) string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}
