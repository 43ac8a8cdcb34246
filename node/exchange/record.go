package exchange

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/node/api"
	"fengsui/node/search"
)

// TypeAlert is the record type of alerts.
const TypeAlert = "alert"

// ErrType means a record's payload is of a type that is not known here.
var ErrType = errors.New("record type not known here")

// EncodeRecord and DecodeRecord give a record as bytes, for the spool.
func EncodeRecord(r *wire.Record) ([]byte, error) {
	b, err := proto.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return b, nil
}

// DecodeRecord reads what EncodeRecord wrote.
func DecodeRecord(b []byte) (*wire.Record, error) {
	r := &wire.Record{}
	if err := proto.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	return r, nil
}

// DecodeAlert reads the payload of a record of TypeAlert.
func DecodeAlert(recordType string, payload []byte) (*wire.Alert, error) {
	if recordType != TypeAlert {
		return nil, fmt.Errorf("%w: %q", ErrType, recordType)
	}
	a := &wire.Alert{}
	if err := proto.Unmarshal(payload, a); err != nil {
		return nil, fmt.Errorf("decode alert: %w", err)
	}
	return a, nil
}

// EncodeAlert is the other direction.
func EncodeAlert(a *wire.Alert) ([]byte, error) {
	b, err := proto.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode alert: %w", err)
	}
	return b, nil
}

// endpoint joins an address and a port of the wire; a missing address gives the zero value.
func endpoint(ip []byte, port uint32) netip.AddrPort {
	a, ok := netip.AddrFromSlice(ip)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

// instant reads nanoseconds since 1970; 0 is the zero time.
func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// nanos is the other direction.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func labels(list []*wire.Alert_Label) map[string][]string {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string][]string, len(list))
	for _, l := range list {
		m[l.Key] = append(m[l.Key], l.Value)
	}
	return m
}

// Row gives an alert to the query language. id is the record's.
func Row(a *wire.Alert, origin string, class wire.Class, id []byte) search.Row {
	return search.Row{
		Site: origin, Sensor: a.Node, Class: ClassName(class), ID: fmt.Sprintf("%x", id),
		Time: instant(a.Timestamp), Detected: instant(a.Detected),
		Detector: a.Detector, SID: a.SignatureId, GID: uint64(a.Gid), Rev: uint64(a.Rev), Msg: a.Signature, Category: a.Category,
		Severity: uint64(a.Severity), Proto: a.Proto, AppProto: a.AppProto,
		Src: endpoint(a.SrcIp, a.SrcPort), Dst: endpoint(a.DestIp, a.DestPort),
		FlowID: a.FlowId, Action: a.Action, Indicator: a.Indicator, Count: a.Count, Metadata: labels(a.Metadata),
	}
}

// Local gives an alert to the local API, without its place in the ledger.
func Local(a *wire.Alert, origin string, id []byte) api.Alert {
	src, dst := endpoint(a.SrcIp, a.SrcPort), endpoint(a.DestIp, a.DestPort)
	out := api.Alert{
		ID: fmt.Sprintf("%x", id), Origin: origin, Sensor: a.Node,
		Time: instant(a.Timestamp), Detected: instant(a.Detected),
		Detector: a.Detector, SID: uint32(a.SignatureId), GID: a.Gid, Rev: a.Rev, Msg: a.Signature, Category: a.Category, Severity: int(a.Severity),
		Proto: a.Proto, AppProto: a.AppProto, SrcPort: src.Port(), DestPort: dst.Port(), FlowID: a.FlowId, Action: a.Action, Indicator: a.Indicator,
		Count: a.Count, First: instant(a.First), Last: instant(a.Last), Metadata: labels(a.Metadata),
	}
	if src.IsValid() {
		out.SrcIP = src.Addr().String()
	}
	if dst.IsValid() {
		out.DestIP = dst.Addr().String()
	}
	return out
}

// ClassName is how a class is written for people and in the query language.
func ClassName(c wire.Class) string {
	switch c {
	case wire.ClassAlert:
		return "alert"
	case wire.ClassIncident:
		return "incident"
	case wire.ClassWarning:
		return "warning"
	case wire.ClassTicket:
		return "ticket"
	case wire.ClassIntel:
		return "intel"
	case wire.ClassReport:
		return "report"
	case wire.ClassStatistics:
		return "statistics"
	case wire.ClassKnowledge:
		return "knowledge"
	case wire.ClassPosture:
		return "posture"
	case wire.ClassAuthentication:
		return "authentication"
	case wire.ClassAlertLog:
		return "alert_log"
	case wire.ClassAudit:
		return "audit"
	case wire.ClassAsset:
		return "asset"
	}
	return fmt.Sprintf("class-%d", c)
}
