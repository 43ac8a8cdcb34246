package stream_test

import (
	"testing"

	"fengsui/capture/packet"
	"fengsui/capture/stream"
)

// TestEventsByState sends what does not fit in each state of a session and looks for the event that names it.
func TestEventsByState(t *testing.T) {
	const ack, fin, syn = packet.ACK, packet.FIN | packet.ACK, packet.SYN
	far := uint32(65535*128 + 9000)
	type step func(f *feeder)
	up := func(flags uint8, off, ackOff uint32, data string) step {
		return func(f *feeder) { f.send(0, f.isn[0]+1+off, f.isn[1]+1+ackOff, flags, []byte(data)) }
	}
	down := func(flags uint8, off, ackOff uint32, data string) step {
		return func(f *feeder) { f.send(1, f.isn[1]+1+off, f.isn[0]+1+ackOff, flags, []byte(data)) }
	}
	clientFIN := up(fin, 0, 0, "")
	serverFIN, serverFINAcked := down(fin, 0, 0, ""), up(ack, 0, 1, "")
	open := func(f *feeder) { f.handshake() }
	simultaneous := func(f *feeder) {
		f.send(0, f.isn[0], 0, syn, nil)
		f.send(1, f.isn[1], 0, syn, nil)
	}
	for _, c := range []struct {
		what  string
		event stream.Event
		steps []step
	}{
		{"FIN beyond the window", stream.EventFinOutOfWindow, []step{open, up(fin, far, 0, "x")}},
		{"FIN of bytes never sent", stream.EventFinInvalidAck, []step{open, up(fin, 0, far, "")}},
		{"bytes again", stream.EventSpuriousRetransmission, []step{open, up(ack, 0, 0, "abc"), down(ack, 0, 3, ""), up(ack, 0, 0, "abc")}},
		{"server's FIN, then ACK out of order", stream.EventFin1AckWrongSeq, []step{open, serverFIN, up(ack, far, 0, "x")}},
		{"server's FIN, then FIN out of order", stream.EventFin1FinWrongSeq, []step{open, serverFIN, up(fin, far, 0, "x")}},
		{"server's FIN, then a wrong ACK", stream.EventFin1InvalidAck, []step{open, serverFIN, up(ack, 0, far, "")}},
		{"server's FIN taken, ACK out of order", stream.EventFin2AckWrongSeq, []step{open, serverFIN, serverFINAcked, up(ack, far, 1, "x")}},
		{"server's FIN taken, FIN out of order", stream.EventFinWrongSeq, []step{open, serverFIN, serverFINAcked, up(fin, far, 1, "x")}},
		{"server's FIN taken, wrong ACK", stream.EventFin2InvalidAck, []step{open, serverFIN, serverFINAcked, up(ack, 0, far, "")}},
		{"client's FIN, ACK out of order", stream.EventCloseWaitAckOutOfWindow, []step{open, clientFIN, down(ack, far, 1, "x")}},
		{"client's FIN, FIN out of order", stream.EventCloseWaitFinOutOfWindow, []step{open, clientFIN, down(fin, far, 1, "x")}},
		{"SYN and FIN", stream.EventFinSyn, []step{open, up(packet.SYN|packet.FIN, 0, 0, "")}},
		{"simultaneous open, wrong ACK", stream.EventSynAck4WHSWrongAck, []step{simultaneous, func(f *feeder) { f.send(0, f.isn[0], f.isn[1]+7, packet.SYN|packet.ACK, nil) }}},
		{"simultaneous open, wrong SYN", stream.EventSynAck4WHSWrongSyn, []step{simultaneous, func(f *feeder) { f.send(0, f.isn[0]+7, f.isn[1]+1, packet.SYN|packet.ACK, nil) }}},
		{"simultaneous open, fifth packet out of order", stream.Event4WHSWrongSeq, []step{simultaneous, down(ack, 7, 0, "")}},
		{"simultaneous open, fifth packet with a wrong ACK", stream.Event4WHSInvalidAck, []step{simultaneous, down(ack, 0, 7, "")}},
	} {
		f := newFeeder(stream.Config{})
		for _, s := range c.steps {
			s(f)
		}
		if !stream.Noticed(&f.p, c.event) {
			t.Errorf("%s: %s is not noticed in state %d", c.what, c.event, f.s.State)
		}
	}
	f := newFeeder(stream.Config{})
	simultaneous(f)
	f.send(0, f.isn[0], f.isn[1]+1, packet.SYN|packet.ACK, nil)
	if !f.ack(0) || f.s.State != stream.StateEstablished {
		t.Errorf("a simultaneous open ends in state %d", f.s.State)
	}
}
