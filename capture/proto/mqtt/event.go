package mqtt

import (
	"strconv"

	"fengsui/capture/event"
)

// payloadShown is how many bytes of a publication events show.
const payloadShown = 1024

// typeNames is indexed by packet type and never written.
var typeNames = [16]string{
	"UNASSIGNED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK",
	"PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// TypeName returns the specification's name of a packet type.
func TypeName(t uint8) string { return typeNames[t&15] }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if t.Version != 0 {
		e.Uint(event.MQTTVersion, uint64(t.Version))
	}
	names := make([]string, len(t.Messages))
	for i := range t.Messages {
		names[i] = TypeName(t.Messages[i].Type)
	}
	e.Strs(event.MQTTMessages, names)
	for i := range t.Messages {
		t.Messages[i].event(e, t.Version)
	}
}

func (m *Message) event(e *event.Event, version uint8) {
	if m.ID != 0 && m.Type != Puback && m.Type != Pubrec && m.Type != Pubrel && m.Type != Pubcomp {
		e.Str(event.MQTTMessageID, strconv.Itoa(int(m.ID)))
	}
	switch m.Type {
	case Connect:
		m.Connect.event(e)
	case Connack:
		e.Bool(event.MQTTSessionPresent, m.SessionPresent)
	case Publish:
		e.Uint(event.MQTTQoS, uint64(m.QoS()))
		e.Bool(event.MQTTDup, m.Dup())
		e.Bool(event.MQTTRetain, m.Retain())
		e.Bytes(event.MQTTPayload, m.Payload[:min(len(m.Payload), payloadShown)])
		e.Int(event.MQTTPayloadBytes, m.PayloadBytes)
	}
	topics := make([]string, 0, len(m.Topics))
	for _, topic := range m.Topics {
		topics = append(topics, string(topic))
	}
	e.Strs(event.MQTTTopics, topics)
	codes := make([]int64, 0, len(m.Reasons))
	for _, r := range m.Reasons {
		codes = append(codes, int64(r))
	}
	e.Ints(event.MQTTReasonCodes, codes)
	if len(codes) > 0 {
		outcome := "success"
		if codes[0] >= 0x80 || m.Type == Connack && version < 5 && codes[0] != 0 {
			outcome = "failure"
		}
		e.Str(event.EventOutcome, outcome)
	}
	var pairs []string
	for i := range m.Props {
		switch p := &m.Props[i]; p.ID {
		case PropUser:
			pairs = append(pairs, string(p.Name)+"="+string(p.Data))
		case PropReasonString:
			e.Bytes(event.MQTTReasonString, p.Data)
		case PropServerReference:
			e.Bytes(event.MQTTServerReference, p.Data)
		case PropAuthMethod:
			e.Bytes(event.MQTTAuthMethod, p.Data)
		}
	}
	e.Strs(event.MQTTUserProperties, pairs)
}

func (c *Opening) event(e *event.Event) {
	if c == nil {
		return
	}
	e.Bytes(event.MQTTProtocol, c.Protocol)
	e.Bytes(event.MQTTClientID, c.ClientID)
	e.Bytes(event.UserName, c.Username)
	e.Bool(event.MQTTPasswordSet, c.Flags&FlagPassword != 0)
	var flags []string
	for _, f := range [...]struct {
		bit  uint8
		name string
	}{{FlagUsername, "username"}, {FlagPassword, "password"}, {FlagWillRetain, "will_retain"}, {FlagWill, "will"}, {FlagCleanSession, "clean_session"}} {
		if c.Flags&f.bit != 0 {
			flags = append(flags, f.name)
		}
	}
	e.Strs(event.MQTTConnectFlags, flags)
	e.Uint(event.MQTTKeepAlive, uint64(c.KeepAlive))
	e.Bytes(event.MQTTWillTopic, c.WillTopic)
	e.Bytes(event.MQTTWillMessage, c.WillMessage[:min(len(c.WillMessage), payloadShown)])
}
