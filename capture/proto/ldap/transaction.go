package ldap

import (
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a side.
const (
	NotStarted = iota
	Begun      // the server has answered, but not finished
	Done
)

// Transaction is a request with its responses.
type Transaction struct {
	proto.State
	Request   *Request   // nil when it was not seen
	Responses []Response // the first of them
	Count     uint64     // all of them
	StartTLS  bool       // what follows is TLS
	kept      budget
	done      [2]bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "ldap" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	switch {
	case t.done[dir]:
		return Done
	case dir == flow.ToClient && t.Count > 0:
		return Begun
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.done[dir] }

// end says that no more responses will come.
func (t *Transaction) end() {
	for _, dir := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
		if !t.done[dir] {
			t.done[dir] = true
			t.Touch(dir)
		}
	}
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if q := t.Request; q != nil {
		e.Uint(event.LDAPMessageID, q.ID)
		e.Str(event.LDAPOperation, OperationName(q.Op))
		q.event(e)
	}
	if t.Count == 0 {
		return
	}
	e.Uint(event.LDAPResponses, t.Count)
	ops, dns := make([]string, 0, len(t.Responses)), make([]string, 0, len(t.Responses))
	for i := range t.Responses {
		ops = append(ops, OperationName(t.Responses[i].Op))
		dns = append(dns, string(t.Responses[i].DN))
	}
	e.Strs(event.LDAPResponseOps, ops)
	e.Strs(event.LDAPResponseDNs, dns)
	if len(t.Responses) == 0 {
		return
	}
	last := &t.Responses[len(t.Responses)-1]
	if last.HasResult {
		e.Str(event.LDAPResult, ResultName(last.Result))
		e.Bytes(event.LDAPResultText, last.Message)
		if last.Result == 0 || last.Result == 14 {
			e.Str(event.EventOutcome, "success")
		} else {
			e.Str(event.EventOutcome, "failure")
		}
	}
	e.Bytes(event.LDAPResponseName, last.Name)
	if t.StartTLS {
		e.Bool(event.LDAPStartTLS, true)
	}
}

func (q *Request) event(e *event.Event) {
	switch q.Op {
	case BindRequest:
		e.Uint(event.LDAPBindVersion, uint64(q.Version))
		e.Bytes(event.LDAPBindName, q.DN)
		e.Bytes(event.LDAPBindMechanism, q.Mechanism)
		if q.Simple {
			e.Bool(event.LDAPBindPassword, q.Password)
		}
		e.Bytes(event.UserName, q.DN)
	case SearchRequest:
		e.Bytes(event.LDAPSearchBase, q.DN)
		e.Uint(event.LDAPSearchScope, uint64(q.Scope))
		e.Uint(event.LDAPSearchDeref, uint64(q.Deref))
		e.Uint(event.LDAPSearchSize, q.SizeLimit)
		e.Uint(event.LDAPSearchTime, q.TimeLimit)
		e.Bool(event.LDAPSearchTypesOnly, q.TypesOnly)
		e.Bytes(event.LDAPSearchFilter, q.Filter)
		e.Strs(event.LDAPSearchAttributes, texts(q.Types))
	case ModifyRequest:
		e.Bytes(event.LDAPModifyObject, q.DN)
		e.Strs(event.LDAPModifyAttributes, texts(q.Types))
	case AddRequest:
		e.Bytes(event.LDAPAddEntry, q.DN)
		e.Strs(event.LDAPAddAttributes, texts(q.Types))
	case DelRequest:
		e.Bytes(event.LDAPDelDN, q.DN)
	case ModDNRequest:
		e.Bytes(event.LDAPModDNEntry, q.DN)
		e.Bytes(event.LDAPModDNNew, q.NewRDN)
		e.Bool(event.LDAPModDNDelete, q.DeleteOld)
		e.Bytes(event.LDAPModDNSuperior, q.NewSuperior)
	case CompareRequest:
		e.Bytes(event.LDAPCompareEntry, q.DN)
		e.Strs(event.LDAPCompareAttribute, texts(q.Types))
	case ExtendedRequest:
		e.Bytes(event.LDAPExtendedName, q.Name)
	case AbandonRequest:
		e.Uint(event.LDAPAbandon, q.Abandoned)
	}
}

func texts(list [][]byte) []string {
	out := make([]string, 0, len(list))
	for _, b := range list {
		out = append(out, string(b))
	}
	return out
}

// OperationName names an operation as rules and EVE logs do.
func OperationName(op uint8) string {
	for name, n := range Operations {
		if n == uint64(op) {
			return name
		}
	}
	return strconv.Itoa(int(op))
}

// ResultName names a result code as rules and EVE logs do.
func ResultName(n uint32) string {
	for name, m := range Results {
		if m == uint64(n) {
			return name
		}
	}
	return strconv.Itoa(int(n))
}
