package alert

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// timestampLayout is how Suricata writes times.
const timestampLayout = "2006-01-02T15:04:05.000000-0700"

// eve is the line's form. Names are those of Suricata's eve.json; fengsui holds what Suricata has no name for.
type eve struct {
	Timestamp string    `json:"timestamp"`
	FlowID    uint64    `json:"flow_id,omitempty"`
	PcapCnt   uint64    `json:"pcap_cnt,omitempty"`
	EventType string    `json:"event_type"`
	SrcIP     string    `json:"src_ip"`
	SrcPort   *uint16   `json:"src_port,omitempty"`
	DestIP    string    `json:"dest_ip"`
	DestPort  *uint16   `json:"dest_port,omitempty"`
	Proto     string    `json:"proto"`
	TxID      *uint64   `json:"tx_id,omitempty"`
	Alert     eveAlert  `json:"alert"`
	AppProto  string    `json:"app_proto,omitempty"`
	Fengsui   *eveExtra `json:"fengsui,omitempty"`
}

type eveAlert struct {
	Action      string              `json:"action"`
	GID         uint32              `json:"gid"`
	SignatureID uint32              `json:"signature_id"`
	Rev         uint32              `json:"rev"`
	Signature   string              `json:"signature"`
	Category    string              `json:"category"`
	Severity    int                 `json:"severity"`
	Metadata    map[string][]string `json:"metadata,omitempty"`
}

type eveExtra struct {
	ID        string `json:"id,omitempty"`
	Detector  string `json:"detector"`
	Indicator string `json:"indicator,omitempty"`
	Count     uint64 `json:"count,omitempty"`
	First     string `json:"first,omitempty"`
	Last      string `json:"last,omitempty"`
}

// AppendEVE appends the alert as one JSON line without the line end.
func (a *Alert) AppendEVE(dst []byte) ([]byte, error) {
	e := eve{
		Timestamp: a.Time.Format(timestampLayout),
		FlowID:    a.FlowID,
		PcapCnt:   a.PacketNumber,
		EventType: "alert",
		SrcIP:     addrText(a.Src.Addr()),
		DestIP:    addrText(a.Dst.Addr()),
		Proto:     a.Proto,
		AppProto:  a.AppProto,
		Alert: eveAlert{
			Action: a.Action, GID: a.GID, SignatureID: a.SID, Rev: a.Rev, Signature: a.Msg, Category: a.Class,
			Severity: a.Severity, Metadata: a.Metadata,
		},
		Fengsui: &eveExtra{ID: hex.EncodeToString(a.ID[:]), Detector: a.Detector, Indicator: a.Indicator},
	}
	if a.Proto == "TCP" || a.Proto == "UDP" || a.Proto == "SCTP" {
		src, dst := a.Src.Port(), a.Dst.Port()
		e.SrcPort, e.DestPort = &src, &dst
	}
	if a.HasTx {
		tx := a.TxID
		e.TxID = &tx
	}
	if a.Count > 1 {
		e.Fengsui.Count = a.Count
		e.Fengsui.First = a.First.Format(timestampLayout)
		e.Fengsui.Last = a.Last.Format(timestampLayout)
	}
	line, err := json.Marshal(&e)
	if err != nil {
		return dst, fmt.Errorf("encode alert: %w", err)
	}
	return append(dst, line...), nil
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// ParseEVE reads a line AppendEVE wrote, or Suricata did.
func ParseEVE(line []byte) (*Alert, error) {
	var e eve
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, fmt.Errorf("decode alert: %w", err)
	}
	if e.EventType != "alert" {
		return nil, fmt.Errorf("decode alert: event_type is %q", e.EventType)
	}
	a := &Alert{
		Detector: Signature, GID: e.Alert.GID, SID: e.Alert.SignatureID, Rev: e.Alert.Rev, Msg: e.Alert.Signature,
		Class: e.Alert.Category, Severity: e.Alert.Severity, Action: e.Alert.Action, Metadata: e.Alert.Metadata,
		Proto: e.Proto, AppProto: e.AppProto, FlowID: e.FlowID, PacketNumber: e.PcapCnt, Count: 1,
	}
	var err error
	if a.Time, err = time.Parse(timestampLayout, e.Timestamp); err != nil {
		return nil, fmt.Errorf("decode alert: timestamp: %w", err)
	}
	if a.Src, err = addrPort(e.SrcIP, e.SrcPort); err != nil {
		return nil, fmt.Errorf("decode alert: src_ip: %w", err)
	}
	if a.Dst, err = addrPort(e.DestIP, e.DestPort); err != nil {
		return nil, fmt.Errorf("decode alert: dest_ip: %w", err)
	}
	if e.TxID != nil {
		a.TxID, a.HasTx = *e.TxID, true
	}
	a.First, a.Last = a.Time, a.Time
	if x := e.Fengsui; x != nil {
		if err := a.extra(x); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Alert) extra(x *eveExtra) error {
	a.Detector, a.Indicator = x.Detector, x.Indicator
	if raw, err := hex.DecodeString(x.ID); err != nil || len(raw) != len(a.ID) && x.ID != "" {
		return fmt.Errorf("decode alert: id %q is not 16 bytes in hexadecimal", x.ID)
	} else {
		copy(a.ID[:], raw)
	}
	if x.Count > 1 {
		a.Count = x.Count
		var err error
		if a.First, err = time.Parse(timestampLayout, x.First); err != nil {
			return fmt.Errorf("decode alert: first: %w", err)
		}
		if a.Last, err = time.Parse(timestampLayout, x.Last); err != nil {
			return fmt.Errorf("decode alert: last: %w", err)
		}
	}
	return nil
}

func addrPort(ip string, port *uint16) (netip.AddrPort, error) {
	if ip == "" {
		return netip.AddrPort{}, nil
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if port == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	return netip.AddrPortFrom(a, *port), nil
}
