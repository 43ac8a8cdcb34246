package issue

import (
	"bytes"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// What the sessions and the publisher read, each in one transaction.

func readNewest(l Ledger, key Key) (newest *wire.StoredDocument, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		newest, err = Newest(b, key)
		return err
	})
	return newest, err
}

func readDocuments(l Ledger) (all []*wire.StoredDocument, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		all, err = Documents(b)
		return err
	})
	return all, err
}

func readBody(l Ledger, s Sealer, d *wire.StoredDocument) (body []byte, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		body, err = Body(b, s, d)
		return err
	})
	return body, err
}

// readMark is how far a child's log is known here; zero for another log than the one known.
func readMark(l Ledger, child identity.Site, log []byte) (through uint64, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		if b == nil {
			return nil
		}
		m, err := markOf(b, child)
		if err == nil && bytes.Equal(m.GetLog(), log) {
			through = m.GetThrough()
		}
		return err
	})
	return through, err
}

// readHeld is what a child greets with: the versions it holds of documents from above, and its
// log of changes.
func readHeld(l Ledger, site identity.Site) (have []*wire.DocumentVersion, log [16]byte, last uint64, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		docs, err := Documents(b)
		if err != nil || b == nil {
			return err
		}
		for _, d := range docs {
			if h := d.GetHeader(); siteOf(h.GetIssuer()).Above(site) {
				have = append(have, &wire.DocumentVersion{Issuer: h.GetIssuer(), Kind: h.GetKind(), Name: h.GetName(), Version: h.GetVersion()})
			}
		}
		log, last, err = logOf(b)
		return err
	})
	return have, log, last, err
}

// reportBytesMax closes a report before it fills a frame.
const reportBytesMax = 256 << 10

// readChanges gathers the next report: only about documents from above, for whose issuers it is.
func readChanges(l Ledger, sealer Sealer, site identity.Site, mark uint64) (*wire.StateReport, uint64, error) {
	report := &wire.StateReport{}
	through := mark
	err := l.View(func(b *bbolt.Bucket) error {
		list, end, err := changesAfter(b, mark, wire.ReportStatesMax)
		if err != nil || b == nil {
			return err
		}
		log, _, err := logOf(b)
		if err != nil {
			return err
		}
		report.Log = log[:]
		size := 0
		for _, stored := range list {
			if !siteOf(stored.GetState().GetIssuer()).Above(site) {
				through = stored.GetChange()
				continue
			}
			state, err := openState(sealer, stored)
			if err != nil {
				return err
			}
			if size += proto.Size(state); size > reportBytesMax && len(report.GetStates()) > 0 {
				report.Through = through
				return nil
			}
			report.States = append(report.States, state)
			through = stored.GetChange()
		}
		through = end
		report.Through = through
		return nil
	})
	return report, through, err
}
