package stream

import "fengsui/capture/packet"

// Event is something TCP tracking noticed about a packet. Names are those of the rule keyword stream-event.
type Event uint8

// Stream events.
const (
	EventAckWrongDir Event = iota
	EventAsyncWrongSeq
	EventRightSeqWrongAck
	EventSynAckWrongDir
	EventSynAckResendDiffAck
	EventSynAckResendDiffSeq
	EventSynAckToServer
	EventSynAckWrongAck
	EventSynAckFlood
	EventSynResendDiffSeq
	EventSynToClient
	EventWrongSeqWrongAck
	EventAckDataInject
	EventSyn4WHS
	EventEstInvalidAck
	EventEstOutOfWindow
	EventEstBeforeLastAck
	EventEstSynResend
	EventEstSynResendDiffSeq
	EventEstSynToClient
	EventEstSynAckResend
	EventEstSynAckResendDiffAck
	EventEstSynAckResendDiffSeq
	EventEstSynAckToServer
	EventFinInvalidAck
	EventFinOutOfWindow
	EventFinWrongSeq
	EventFinNoSession
	EventRSTNoSession
	EventRSTInvalid
	EventShutdownSynResend
	EventTimeWaitInvalidAck
	EventCloseWaitInvalidAck
	EventClosingInvalidAck
	EventLastAckInvalidAck
	EventPacketInvalidAck
	EventPacketBrokenAck
	EventInvalidTimestamp
	EventBadWindowUpdate
	EventRetransmission
	EventNoSegment
	EventGap
	EventOverlapDifferent
	EventDepthReached
	EventUrgentDropped
	EventRSTInject
	EventFinSyn
	EventSynAckTFOIgnored
	EventSynAck4WHSWrongAck
	EventSynAck4WHSWrongSyn
	Event4WHSWrongSeq
	Event4WHSInvalidAck
	EventSpuriousRetransmission
	EventCloseWaitBeforeLastAck
	EventCloseWaitAckOutOfWindow
	EventCloseWaitFinOutOfWindow
	EventClosingAckWrongSeq
	EventFin1AckWrongSeq
	EventFin1FinWrongSeq
	EventFin1InvalidAck
	EventFin2AckWrongSeq
	EventFin2InvalidAck
	EventLastAckAckWrongSeq
	EventTimeWaitAckWrongSeq
	EventCount // not an event: how many there are
)

// eventNames is indexed by Event and never written.
var eventNames = [EventCount]string{
	EventAckWrongDir: "3whs_ack_in_wrong_dir", EventAsyncWrongSeq: "3whs_async_wrong_seq",
	EventRightSeqWrongAck: "3whs_right_seq_wrong_ack_evasion", EventSynAckWrongDir: "3whs_synack_in_wrong_direction",
	EventSynAckResendDiffAck: "3whs_synack_resend_with_different_ack", EventSynAckResendDiffSeq: "3whs_synack_resend_with_diff_seq",
	EventSynAckToServer: "3whs_synack_toserver_on_syn_recv", EventSynAckWrongAck: "3whs_synack_with_wrong_ack",
	EventSynAckFlood: "3whs_synack_flood", EventSynResendDiffSeq: "3whs_syn_resend_diff_seq_on_syn_recv",
	EventSynToClient: "3whs_syn_toclient_on_syn_recv", EventWrongSeqWrongAck: "3whs_wrong_seq_wrong_ack",
	EventAckDataInject: "3whs_ack_data_inject", EventSyn4WHS: "4whs_syn",
	EventEstInvalidAck: "est_invalid_ack", EventEstOutOfWindow: "est_packet_out_of_window", EventEstBeforeLastAck: "est_pkt_before_last_ack",
	EventEstSynResend: "est_syn_resend", EventEstSynResendDiffSeq: "est_syn_resend_diff_seq", EventEstSynToClient: "est_syn_toclient",
	EventEstSynAckResend: "est_synack_resend", EventEstSynAckResendDiffAck: "est_synack_resend_with_different_ack",
	EventEstSynAckResendDiffSeq: "est_synack_resend_with_diff_seq", EventEstSynAckToServer: "est_synack_toserver",
	EventFinInvalidAck: "fin_invalid_ack", EventFinOutOfWindow: "fin_out_of_window", EventFinWrongSeq: "fin2_fin_wrong_seq",
	EventFinNoSession: "fin_but_no_session", EventRSTNoSession: "rst_but_no_session", EventRSTInvalid: "rst_invalid_ack",
	EventShutdownSynResend: "shutdown_syn_resend", EventTimeWaitInvalidAck: "timewait_invalid_ack",
	EventCloseWaitInvalidAck: "closewait_invalid_ack", EventClosingInvalidAck: "closing_invalid_ack", EventLastAckInvalidAck: "lastack_invalid_ack",
	EventPacketInvalidAck: "pkt_invalid_ack", EventPacketBrokenAck: "pkt_broken_ack", EventInvalidTimestamp: "pkt_invalid_timestamp",
	EventBadWindowUpdate: "pkt_bad_window_update", EventRetransmission: "pkt_retransmission", EventNoSegment: "reassembly_no_segment",
	EventGap: "reassembly_seq_gap", EventOverlapDifferent: "reassembly_overlap_different_data", EventDepthReached: "reassembly_depth_reached",
	EventUrgentDropped: "reassembly_urgent_oob_limit_reached", EventRSTInject: "suspected_rst_inject",
	EventFinSyn: "fin_syn", EventSynAckTFOIgnored: "3whs_synack_tfo_data_ignored", EventSynAck4WHSWrongAck: "4whs_synack_with_wrong_ack",
	EventSynAck4WHSWrongSyn: "4whs_synack_with_wrong_syn", Event4WHSWrongSeq: "4whs_wrong_seq", Event4WHSInvalidAck: "4whs_invalid_ack",
	EventSpuriousRetransmission: "pkt_spurious_retransmission", EventCloseWaitBeforeLastAck: "closewait_pkt_before_last_ack",
	EventCloseWaitAckOutOfWindow: "closewait_ack_out_of_window", EventCloseWaitFinOutOfWindow: "closewait_fin_out_of_window",
	EventClosingAckWrongSeq: "closing_ack_wrong_seq", EventFin1AckWrongSeq: "fin1_ack_wrong_seq", EventFin1FinWrongSeq: "fin1_fin_wrong_seq",
	EventFin1InvalidAck: "fin1_invalid_ack", EventFin2AckWrongSeq: "fin2_ack_wrong_seq", EventFin2InvalidAck: "fin2_invalid_ack",
	EventLastAckAckWrongSeq: "lastack_ack_wrong_seq", EventTimeWaitAckWrongSeq: "timewait_ack_wrong_seq",
}

// String returns the event's name.
func (e Event) String() string {
	if e < EventCount {
		return eventNames[e]
	}
	return "unknown"
}

// ParseEvent finds an event by name.
func ParseEvent(name string) (Event, bool) {
	for e, n := range eventNames {
		if n == name {
			return Event(e), true
		}
	}
	return 0, false
}

// Note puts e on p.
func Note(p *packet.Packet, e Event) { p.StreamEvents[e>>6] |= 1 << (e & 63) }

// Noticed tells whether p carries e.
func Noticed(p *packet.Packet, e Event) bool { return p.StreamEvents[e>>6]&(1<<(e&63)) != 0 }
