package records

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/upload"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/exchange"
	"fengsui/node/search"
)

// searchRecordsMax bounds how many records one search opens; what lies further back is left out and the answer says so.
const searchRecordsMax = 500_000

// ErrCut means a search ended before it had seen everything; what it found so far is valid.
var ErrCut = errors.New("not everything was searched")

// chunk reads up to limit entries behind the cursor and moves it.
func (r *Reader) chunk(lanes upload.Filter, cursor upload.Cursor, limit int) (list []*upload.Entry, err error) {
	err = r.cfg.Ledger.View(func(b *bbolt.Bucket) error {
		list, err = upload.Tail(b, lanes, cursor, limit)
		return err
	})
	return list, err
}

func (r *Reader) tailFrom(lanes upload.Filter) (c upload.Cursor, err error) {
	err = r.cfg.Ledger.View(func(b *bbolt.Bucket) error {
		c, err = upload.TailFrom(b, lanes)
		return err
	})
	return c, err
}

// newest returns the last received matches, the newest first.
func (r *Reader) newest(ctx context.Context, lanes upload.Filter, j judge, limit int) ([]api.Alert, error) {
	list := []api.Alert{}
	err := r.cfg.Ledger.View(func(b *bbolt.Bucket) error {
		var fault error
		err := upload.Latest(b, lanes, func(e *upload.Entry) bool {
			if fault = ctx.Err(); fault != nil {
				return false
			}
			var a *wire.Alert
			if a, fault = r.open(j, e); fault != nil {
				return false
			}
			if a != nil {
				list = append(list, local(a, e))
			}
			return len(list) < limit
		})
		return errors.Join(err, fault)
	})
	return list, err
}

// Found is one match of a search with its payload as it travels.
type Found struct {
	ID      [wire.IDBytes]byte
	Type    string
	At      time.Time
	Payload []byte
}

// Search looks through this site's own alerts, the newest first. It calls found for matches until that returns false, and goes on counting. The
// error wraps ErrCut when ctx ended or the limit of records was reached first; matched then counts what was seen.
func (r *Reader) Search(ctx context.Context, expr string, found func(Found) bool) (matched uint64, err error) {
	e, err := search.Parse(expr, time.Now())
	if err != nil {
		return 0, err
	}
	j := judge{expr: e}
	own := upload.Filter{Class: wire.ClassAlert, Origin: func(s identity.Site) bool { return s == r.cfg.Site }}
	err = r.cfg.Ledger.View(func(b *bbolt.Bucket) error {
		wanted, seen := true, 0
		var fault error
		err := upload.Latest(b, own, func(e *upload.Entry) bool {
			if seen++; seen > searchRecordsMax || seen%64 == 0 && ctx.Err() != nil {
				fault = ErrCut
				return false
			}
			var a *wire.Alert
			if a, fault = r.open(j, e); fault != nil {
				return false
			}
			if a == nil {
				return true
			}
			matched++
			if wanted {
				var payload []byte
				if payload, fault = exchange.EncodeAlert(a); fault != nil {
					return false
				}
				wanted = found(Found{e.ID, e.Type, e.At, payload})
			}
			return true
		})
		return errors.Join(err, fault)
	})
	return matched, err
}

// Balance returns the account of every lane.
func (r *Reader) Balance(root bool) (api.Balances, error) {
	out := api.Balances{Site: r.cfg.Site.String(), Root: root, Lanes: []api.Balance{}}
	err := r.cfg.Ledger.View(func(b *bbolt.Bucket) error {
		lanes, err := upload.Lanes(b, 0)
		for _, l := range lanes {
			a := api.Balance{Origin: l.Origin.String(), Epoch: l.Epoch, Class: exchange.ClassName(l.Class), Produced: l.High, Delivered: l.Delivered, Shed: l.Shed, Pending: l.Pending()}
			if root { // there is nobody to deliver to
				a.Delivered, a.Pending = l.High, 0
			}
			out.Lanes = append(out.Lanes, a)
		}
		return err
	})
	return out, err
}
