package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

var (
	// ErrNoLeader says that the site had no leader, or no quorum, for as long as the call
	// was willing to wait. The call has certainly had no effect.
	ErrNoLeader = errors.New("the site has no leader")
	// ErrUnknownOutcome says that a proposal may or may not have been, or still be,
	// committed. The caller retries with the same IDs, which tables recognise.
	ErrUnknownOutcome = errors.New("the outcome is unknown")
	// ErrLowSpace says that the leader's disk is nearly full and the proposal was refused
	// without effect. Commands with fsm.FlagReserve are still taken for a while.
	ErrLowSpace = errors.New("the leader's disk is nearly full")
	// ErrInvalid says that a call was refused as wrong in itself, without effect.
	ErrInvalid = errors.New("refused")
	// ErrClosed is returned by calls on a cluster that is stopping or has stopped. A
	// proposal that returns it has had no effect.
	ErrClosed = errors.New("the cluster is closed")
)

// StorageError is a failure of this node's log or term store. The node stops: going on
// could break a promise made to the other nodes.
type StorageError struct {
	Step string
	Dir  string
	Free uint64 // bytes free on its disk just after; a full disk often shows up as another error
	Err  error
}

// Error names the step, the directory and the cause, and says what to do.
func (e *StorageError) Error() string {
	return fmt.Sprintf("%s in %s with %d bytes free: %v (make space or repair the disk, then start again: nothing accepted is lost)", e.Step, e.Dir, e.Free, e.Err)
}

// Unwrap returns the cause.
func (e *StorageError) Unwrap() error { return e.Err }

// noEffect tells whether raft's error means that the entry was certainly not taken.
func noEffect(err error) bool {
	return errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipTransferInProgress) || errors.Is(err, raft.ErrEnqueueTimeout)
}

// outcome turns raft's error about an entry into ours.
func outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case noEffect(err):
		return fmt.Errorf("%w: %w", ErrNoLeader, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
}
