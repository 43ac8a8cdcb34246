//go:build yara

package yara

import (
	"testing"

	"fengsui/analyze/alert"
	"fengsui/capture/event"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
)

const rules = `
rule Hello : greeting { meta: description = "a greeting" severity = 3 strings: $a = "hello" nocase condition: $a }
rule Big { condition: filesize > 1000 }
`

// carrier is a transaction with files.
type carrier struct {
	proto.State
	files []*file.File
	done  bool
}

func (c *carrier) Protocol() string                  { return "http" }
func (c *carrier) Progress(flow.Direction) int       { return 0 }
func (c *carrier) Complete(flow.Direction) bool      { return c.done }
func (c *carrier) Event(*event.Event)                {}
func (c *carrier) Files(flow.Direction) []*file.File { return c.files }

func TestScan(t *testing.T) {
	set, problems, err := Compile([]Source{{"good.yar", rules}, {"bad.yar", "rule x {\n condition: nosuch }\n"}, {"inc.yar", `include "/etc/passwd"`}})
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 2 || len(problems) != 2 || problems[0].File != "bad.yar" || problems[0].Line != 2 || problems[1].File != "inc.yar" {
		t.Fatalf("%d rules, problems %v", set.Len(), problems)
	}
	var got []*alert.Alert
	in := NewDetector(set).NewInspector(func(a *alert.Alert) { got = append(got, a) })
	f := file.New(&file.Config{Keep: 8}, flow.ToClient, []byte("greeting.txt"))
	f.Write([]byte("say HELLO to all of them"))
	f.Close()
	tx := &carrier{files: []*file.File{f}}
	in.Transaction(&packet.Packet{}, nil, flow.ToClient, tx)
	if len(got) != 0 {
		t.Error("scanned before the file was complete")
	}
	tx.done = true
	in.Transaction(&packet.Packet{}, nil, flow.ToClient, tx)
	if len(got) != 0 {
		t.Errorf("matched behind what was kept: %v", got[0])
	}
	whole := file.New(nil, flow.ToClient, []byte("greeting.txt"))
	whole.Write([]byte("say HELLO to all of them"))
	whole.Close()
	tx.files = []*file.File{whole}
	in.Transaction(&packet.Packet{}, nil, flow.ToClient, tx)
	if len(got) != 1 || got[0].Msg != "a greeting" || got[0].Severity != 3 || got[0].Indicator != "yara:Hello" || got[0].Metadata["scanned"] != nil {
		t.Errorf("%+v", got)
	}
}
