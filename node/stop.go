package node

import (
	"context"
	"errors"
	"time"
)

// stages lists the parts in the order they start. They stop from the last to the first, each within its budget; the reason says why it must not
// stop later than what stands above it.
func (n *Node) stages() []stage {
	list := []stage{
		{name: "link", budget: 3 * time.Second, run: n.mesh.link.Run, close: n.mesh.closeLink, why: "everything below talks over it"},
		{name: "raft", budget: 12 * time.Second, run: n.mesh.runCluster, close: n.mesh.closeCluster, why: "what was proposed must be answered before the log closes"},
		{name: "gossip", budget: 5 * time.Second, run: n.mesh.runGossip, close: n.mesh.leaveGossip, why: "the others should hear that we go while they can still ask why"},
		{name: "certificate", budget: time.Second, run: n.renewLoop, why: "handshakes use the newest certificate until the end"},
		{name: "cascade", budget: 3 * time.Second, run: n.tree.run, why: "sessions end while the ledger still takes their last batch"},
		{name: "intake", budget: 4 * time.Second, drain: n.intake.Drain, run: n.intake.Run, close: n.spool.Close, why: "what was detected goes into the ledger, or to disk, before the ledger goes"},
		{name: "documents", budget: 10 * time.Second, run: n.detect.run, close: n.detect.close, why: "detection keeps its rules until the last packet"},
		{name: "capture", budget: 5 * time.Second, run: n.sensor.Run, why: "no new packets: flows end and their alerts come out"},
	}
	if n.page != nil {
		list = append(list, stage{name: "metrics page", budget: 2 * time.Second, run: n.page.Run, close: n.page.Close, why: "nobody should read half a node"})
	}
	return append(list, stage{name: "api", budget: 4 * time.Second, run: n.api.Run, close: n.api.Close, why: "first of all, nobody asks for anything any more"})
}

// stop ends a started node. A second call returns nil.
func (n *Node) stop() error {
	return errors.Join(n.run.stop(), n.close())
}

// close frees what open took, in the opposite order; parts that stages have closed already do nothing. A second call returns nil.
func (n *Node) close() error {
	var faults []error
	if n.api != nil {
		faults = append(faults, n.api.Close())
	}
	if n.page != nil {
		faults = append(faults, n.page.Close())
	}
	if n.detect != nil {
		faults = append(faults, n.detect.close())
	}
	if n.spool != nil {
		faults = append(faults, n.spool.Close())
	}
	if n.mesh != nil {
		faults = append(faults, n.mesh.leaveGossip(), n.mesh.closeCluster(), n.mesh.closeLink())
	}
	if n.unlock != nil {
		faults = append(faults, n.unlock())
	}
	n.api, n.page, n.detect, n.spool, n.mesh, n.unlock = nil, nil, nil, nil, nil, nil
	return errors.Join(faults...)
}

// renewLoop renews the node's certificate at two thirds of its life.
func (n *Node) renewLoop(ctx context.Context) error {
	const lookAgain = time.Hour // the clock may be set meanwhile
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(max(time.Until(n.cred.RenewAt()), time.Second), lookAgain)):
		}
		if now := time.Now(); !now.Before(n.cred.RenewAt()) {
			if err := n.cred.Renew(now); err != nil {
				n.log.Error("the node's certificate could not be renewed: trying again in an hour", "error", err)
				continue
			}
			n.log.Info("the node's certificate was renewed", "until", n.cred.Certificate().NotAfter())
		}
	}
}
