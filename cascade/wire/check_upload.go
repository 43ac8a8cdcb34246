package wire

import "fmt"

// Check implements Message: exactly one body, and that one in order.
func (m *UploadUp) Check() error {
	switch b := m.GetBody().(type) {
	case *UploadUp_Hello:
		return at("hello", b.Hello.Check())
	case *UploadUp_Batch:
		return at("batch", b.Batch.Check())
	}
	return malformed("body", "missing or unknown")
}

// Check implements Message.
func (m *UploadDown) Check() error {
	switch b := m.GetBody().(type) {
	case *UploadDown_Marks:
		return at("marks", b.Marks.Check())
	case *UploadDown_Receipts:
		return at("receipts", b.Receipts.Check())
	case *UploadDown_End:
		return at("end", b.End.Check())
	}
	return malformed("body", "missing or unknown")
}

// Check implements Checker.
func (m *UploadHello) Check() error {
	return first(
		checkClass("class", m.GetClass()),
		checkMost("lanes", len(m.GetLanes()), HelloLanesMax),
		each("lanes", m.GetLanes()),
	)
}

// Check implements Checker.
func (m *Lane) Check() error {
	return first(checkSite("origin", m.GetOrigin()), checkPositive("epoch", uint64(m.GetEpoch())))
}

// Check implements Checker.
func (m *UploadMarks) Check() error {
	return first(
		checkPositive("version", uint64(m.GetVersion())),
		checkMost("marks", len(m.GetMarks()), HelloLanesMax),
		each("marks", m.GetMarks()),
	)
}

// Check implements Checker.
func (m *Mark) Check() error {
	return first(checkSite("origin", m.GetOrigin()), checkPositive("epoch", uint64(m.GetEpoch())))
}

// Check implements Checker.
func (m *UploadReceipts) Check() error {
	return first(
		checkPositive("receipts", uint64(len(m.GetReceipts()))),
		checkMost("receipts", len(m.GetReceipts()), ReceiptsMax),
		each("receipts", m.GetReceipts()),
	)
}

// Check implements Checker.
func (m *Receipt) Check() error {
	if m.GetCode() <= 0 {
		return malformed("code", "missing")
	}
	return first(checkPositive("number", m.GetNumber()), checkPositive("next_seq", m.GetNextSeq()))
}

// Check implements Checker.
func (m *Batch) Check() error {
	err := first(
		checkPositive("number", m.GetNumber()),
		checkSite("origin", m.GetOrigin()),
		checkPositive("epoch", uint64(m.GetEpoch())),
		checkClass("class", m.GetClass()),
		checkPositive("first_seq", m.GetFirstSeq()),
		checkPositive("records", uint64(len(m.GetRecords()))),
		checkMost("records", len(m.GetRecords()), BatchRecordsMax),
	)
	if err != nil {
		return err
	}
	if m.FirstSeq > 1<<62 {
		return malformed("first_seq", "%d is out of range", m.FirstSeq)
	}
	total := 0
	for i, r := range m.Records {
		if err := r.checkContent(); err != nil {
			return at(fmt.Sprintf("records[%d]", i), err)
		}
		if r.Origin != "" || r.Epoch != 0 || r.Class != 0 || r.Seq != 0 {
			return malformed(fmt.Sprintf("records[%d]", i), "names a lane of its own")
		}
		total += len(r.Payload)
	}
	return checkMost("records: payload bytes", total, BatchBytesMax)
}

// checkContent checks what a record says apart from its place in a lane.
func (m *Record) checkContent() error {
	if len(m.GetId()) != IDBytes {
		return malformed("id", "%d bytes, want %d", len(m.GetId()), IDBytes)
	}
	if m.Type == "" {
		return malformed("type", "missing")
	}
	return first(
		checkText("type", m.Type, RecordTypeBytesMax),
		checkMost("payload: bytes", len(m.Payload), RecordPayloadBytesMax),
	)
}

// CheckOwn checks a record a site is about to append as its own: id, class, type and size are
// given, sequence and epoch are not.
func (m *Record) CheckOwn() error {
	if m.GetSeq() != 0 || m.GetEpoch() != 0 {
		return malformed("seq", "is assigned by the ledger")
	}
	return first(m.checkContent(), checkClass("class", m.Class))
}

// Check implements Checker for a record standing alone, with its lane.
func (m *Record) Check() error {
	return first(
		m.checkContent(),
		checkSite("origin", m.GetOrigin()),
		checkPositive("epoch", uint64(m.GetEpoch())),
		checkClass("class", m.GetClass()),
		checkPositive("seq", m.GetSeq()),
	)
}
