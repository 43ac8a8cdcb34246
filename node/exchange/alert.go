package exchange

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fengsui/analyze/alert"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
)

// textBytesMax bounds a text that comes from a rule or an indicator.
const textBytesMax = 4096

// AlertRecord turns a detector's alert into a record to be appended: origin and node are where it was seen, detected is this machine's clock.
func AlertRecord(a *alert.Alert, origin identity.Site, node string, detected time.Time) (*wire.Record, error) {
	src, dst := a.Src.Addr().Unmap(), a.Dst.Addr().Unmap()
	out := &wire.Alert{
		Id: a.ID[:], Timestamp: nanos(a.Time), Detected: nanos(detected), Detector: a.Detector, FlowId: a.FlowID,
		SrcIp: bytesOf(src), SrcPort: uint32(a.Src.Port()), DestIp: bytesOf(dst), DestPort: uint32(a.Dst.Port()),
		Proto: text(a.Proto), AppProto: text(a.AppProto), Action: text(a.Action),
		Gid: a.GID, SignatureId: uint64(a.SID), Rev: a.Rev, Signature: text(a.Msg), Category: text(a.Class), Severity: uint32(max(a.Severity, 0)),
		Count: a.Count, First: nanos(a.First), Last: nanos(a.Last),
		Origin: origin.String(), Node: node, Indicator: text(a.Indicator), Level: uint32(a.Level()),
	}
	for _, key := range slices.Sorted(maps.Keys(a.Metadata)) {
		for _, value := range a.Metadata[key] {
			if len(out.Metadata) == wire.AlertLabelsMax {
				break
			}
			out.Metadata = append(out.Metadata, &wire.Alert_Label{Key: text(key), Value: text(value)})
		}
	}
	payload, err := EncodeAlert(out)
	if err != nil {
		return nil, err
	}
	return &wire.Record{Id: a.ID[:], Class: wire.ClassAlert, Type: TypeAlert, At: nanos(a.Time), Payload: payload}, nil
}

// QueryRow turns a row of a query's answer into the form of the local API; what cannot be read is left out (false).
func QueryRow(r *wire.Row) (api.Alert, bool) {
	a, err := DecodeAlert(r.GetType(), r.GetPayload())
	if err != nil {
		return api.Alert{}, false
	}
	out := Local(a, r.GetOrigin(), r.GetId())
	out.Class = ClassName(wire.ClassAlert)
	return out, true
}

func bytesOf(a netip.Addr) []byte {
	if !a.IsValid() {
		return nil
	}
	return a.AsSlice()
}

// text makes what a rule says fit for the wire: UTF-8, of bounded length.
func text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= textBytesMax {
		return s
	}
	return strings.ToValidUTF8(s[:textBytesMax], "")
}
