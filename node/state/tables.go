package state

import (
	"fengsui/cascade/issue"
	"fengsui/cascade/register"
	"fengsui/cascade/upload"
	"fengsui/federation/fsm"
)

// Names of the tables. They are bucket names on disk and never change.
const (
	TableRegister = "register"
	TableUpload   = "upload"
	TableIssue    = "issue"
)

// Tables lists every table with the kinds it applies.
func Tables() []fsm.Spec {
	return []fsm.Spec{
		{Name: TableRegister, Kinds: kinds(register.Kinds()), Table: register.NewTable()},
		{Name: TableUpload, Kinds: kinds(upload.Kinds()), Table: upload.NewTable()},
		{Name: TableIssue, Kinds: kinds(issue.Kinds()), Table: issue.NewTable()},
	}
}

func kinds(list []uint16) []fsm.Kind {
	out := make([]fsm.Kind, len(list))
	for i, k := range list {
		out[i] = fsm.Kind(k)
	}
	return out
}
