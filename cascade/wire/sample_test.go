package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
)

var (
	id16     = bytes.Repeat([]byte{1}, IDBytes)
	digest32 = bytes.Repeat([]byte{2}, DigestBytes)
)

func sampleRecord() *Record {
	return &Record{Id: id16, Type: "alert", At: 1_700_000_000_000_000_000, Ingest: 1_700_000_000_100_000_000, Payload: []byte("payload")}
}

func sampleDocument() *Document {
	return &Document{
		Issuer: "440000", Kind: "ruleset", Name: "base", Version: 3, Targets: []string{"440100"}, Created: 5, BodySize: 4,
		BodyDigest: digest32, Body: []byte("body"), Signature: []byte{3}, Chain: [][]byte{{4}, {5}},
	}
}

func sampleSummary() *Summary {
	return &Summary{Site: "440100", Sites: []*SiteState{
		{Site: "440100", Name: "城市", Nodes: []*NodeState{{Node: "n1", Address: "10.0.0.1:7400", Alive: true, Leader: true}}, Counts: []*ClassCount{{Class: ClassAlert, Produced: 9, Delivered: 7, Shed: 1}}, Version: "v1"},
		{Site: "440106", Parent: "440100", Online: true, Since: 8},
	}}
}

// samples holds one good message of every kind a peer or a person sends, by the name of its
// golden file. Frames are what FuzzFrames starts from.
func samples() map[string]Message {
	return map[string]Message{
		"upload_up_hello":           &UploadUp{Body: &UploadUp_Hello{&UploadHello{Version: 1, Class: ClassAlert, Lanes: []*Lane{{Origin: "440106", Epoch: 1}}}}},
		"upload_up_batch":           &UploadUp{Body: &UploadUp_Batch{&Batch{Number: 1, Origin: "440106", Epoch: 1, Class: ClassAlert, FirstSeq: 7, Records: []*Record{sampleRecord()}}}},
		"upload_down_marks":         &UploadDown{Body: &UploadDown_Marks{&UploadMarks{Version: 1, Marks: []*Mark{{Origin: "440106", Epoch: 1, Seq: 6}}}}},
		"upload_down_receipts":      &UploadDown{Body: &UploadDown_Receipts{&UploadReceipts{Receipts: []*Receipt{{Number: 1, Code: CodeOK, NextSeq: 8}}}}},
		"upload_down_end":           &UploadDown{Body: &UploadDown_End{&Status{Code: CodeRevoked, Text: "revoked"}}},
		"register_up_enrol":         &RegisterUp{Body: &RegisterUp_Enrol{&EnrolRequest{Version: 1, Purpose: PurposeSite, InviteId: id16, Request: []byte{1}, Name: "city", Addresses: []string{"10.0.0.1:7400"}, Proof: digest32}}},
		"register_up_heartbeat":     &RegisterUp{Body: &RegisterUp_Heartbeat{&Heartbeat{Version: 1, Number: 2, SentAt: 3, Summary: sampleSummary()}}},
		"register_down_enrol":       &RegisterDown{Body: &RegisterDown_Enrol{&EnrolReply{Code: CodeOK, State: EnrolApproved, Chain: [][]byte{{1}}, Secrets: []byte{2}, Addresses: []string{"a:1"}, Site: "440000"}}},
		"register_down_heartbeat":   &RegisterDown{Body: &RegisterDown_Heartbeat{&HeartbeatReply{Number: 2, SentAt: 3, Time: 4, Nodes: []*NodeAddress{{Node: "n1", Address: "a:1"}}}}},
		"register_down_end":         &RegisterDown{Body: &RegisterDown_End{&Status{Code: CodeProof, Text: "no"}}},
		"issue_up_hello":            &IssueUp{Body: &IssueUp_Hello{&IssueHello{Version: 1, Have: []*DocumentVersion{{Issuer: "440000", Kind: "ruleset", Name: "base", Version: 2}}, More: true, Log: id16, Last: 9}}},
		"issue_up_result":           &IssueUp{Body: &IssueUp_Result{&DocumentResult{Issuer: "440000", Kind: "ruleset", Name: "base", Version: 3, Code: CodeSignature, Text: "no"}}},
		"issue_up_report":           &IssueUp{Body: &IssueUp_Report{&StateReport{Log: id16, Through: 9, States: []*DocumentState{{Issuer: "440000", Kind: "ruleset", Name: "base", Version: 3, Site: "440106", Node: "n1", State: StateRefused, Reason: "line 3", At: 5}}}}},
		"issue_down_welcome":        &IssueDown{Body: &IssueDown_Welcome{&IssueWelcome{Version: 1, Mark: 9}}},
		"issue_down_document":       &IssueDown{Body: &IssueDown_Document{sampleDocument()}},
		"issue_down_chunk":          &IssueDown{Body: &IssueDown_Chunk{&DocumentChunk{Index: 1, Data: []byte("x")}}},
		"issue_down_state_ack":      &IssueDown{Body: &IssueDown_StateAck{&StateAck{Through: 9}}},
		"issue_down_end":            &IssueDown{Body: &IssueDown_End{&Status{Code: CodeForbidden}}},
		"query_down_query":          &QueryDown{Body: &QueryDown_Query{&Query{Id: id16, Asker: "440000", Expr: "sid:1", Scope: "440100", Subtree: true, RemainingMs: 5000, Limit: 100, BudgetBytes: 1000, Via: "440100", User: "li"}}},
		"query_down_cancel":         &QueryDown{Body: &QueryDown_Cancel{&QueryCancel{Id: id16}}},
		"query_up_hello":            &QueryUp{Body: &QueryUp_Hello{&QueryHello{Version: 1}}},
		"query_up_page":             &QueryUp{Body: &QueryUp_Page{&AnswerPage{Id: id16, Rows: []*Row{{Origin: "440106", Id: id16, Type: "alert", At: 1, Payload: []byte("p")}}, Last: true, Sites: []*SiteAnswer{{Site: "440106", Completeness: Answered, Matched: 1, TookMs: 2, Code: CodeOK}}}}},
		"query_up_end":              &QueryUp{Body: &QueryUp_End{&Status{Code: CodeBusy}}},
		"token":                     &Token{Parent: "440000", Addresses: []string{"a:1"}, RootFingerprint: digest32, InviteId: id16, Secret: id16, Purpose: PurposeNode, Site: "440000", Node: "n2", Expires: 9},
		"record":                    &Record{Id: id16, Origin: "440106", Epoch: 1, Class: ClassAlert, Seq: 7, Type: "alert", At: 1, Ingest: 2, Payload: []byte("p")},
		"alert":                     sampleAlert(),
		"document_with_chunks_next": &Document{Issuer: "440000", Kind: "ruleset", Name: "big", Version: 1, BodySize: 1 << 20, BodyDigest: digest32, Signature: []byte{3}, Chain: [][]byte{{4}}},
	}
}

func sampleAlert() *Alert {
	return &Alert{
		Id: id16, Timestamp: 1, Detector: "signature", FlowId: 2, InIface: "eth0", Vlan: []uint32{3}, SrcIp: []byte{10, 0, 0, 1}, SrcPort: 4, DestIp: bytes.Repeat([]byte{5}, 16),
		DestPort: 6, Proto: "TCP", AppProto: "http", Direction: "to_server", CommunityId: "1:x", Action: "allowed", Gid: 1, SignatureId: 7, Rev: 8, Signature: "s",
		Category: "c", Severity: 1, Metadata: []*Alert_Label{{Key: "k", Value: "v"}}, References: []string{"r"},
		Http: &Alert_HTTP{Hostname: "h", Url: "/", Method: "GET", UserAgent: "u", Protocol: "HTTP/1.1", Status: 200, ContentType: "t", Refer: "f", Length: 9},
		Dns:  &Alert_DNS{Rrname: "n", Rrtype: "A", Rcode: "NOERROR", TxId: 1}, Tls: &Alert_TLS{Sni: "s", Version: "v", Ja3: "1", Ja3S: "2", Ja4: "3", Alpn: "h2", Subject: "4", Issuer: "5", Fingerprint: "6"},
		Flow: &Alert_FlowCount{PacketsToServer: 1, PacketsToClient: 2, BytesToServer: 3, BytesToClient: 4, Start: 5}, Count: 1, First: 1, Last: 2, Folds: id16,
		Origin: "440106", Node: "n1", Document: "440000/ruleset/base@3", Indicator: "evil.example", Level: 2, Techniques: []string{"T1059"}, Payload: []byte("x"), Detected: 9,
	}
}

func encodeSample(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
