package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fengsui/node/config"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"fengsui": func() { os.Exit(Main(os.Args[1:], SystemEnv())) },
	})
}

// capturesDir holds real captures that do not belong to this repository.
const capturesDir = "../../../shared/data/pcaps"

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// A free UDP address for each script; the node of the script takes it a moment later.
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Setenv("ADDR", c.LocalAddr().String())
			captures, err := filepath.Abs(capturesDir)
			if err != nil {
				return err
			}
			env.Setenv("CAPTURES", captures)
			return c.Close()
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"waitfor": waitFor, "exitcode": exitCode},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "captures": // in CI they must be there
				_, err := os.Stat(capturesDir)
				return err == nil || os.Getenv("CI") != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// exitCode N COMMAND… runs the program and checks how it ended; its outputs are then looked at with stdout and stderr.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exitcode N fengsui …")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run %v: %v", args[1:], err)
		}
		got = exit.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%v: exit code %d, want %s", args[1:], got, args[0])
	}
}

// waitFor DATA waits until the node on that data directory answers.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: waitfor DATA")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		var out bytes.Buffer
		e := Env{strings.NewReader(""), &out, &out, nil}
		if run(context.Background(), []string{"node", "status", "--json", "--data", ts.MkAbs(args[0])}, e) == exitDone && strings.Contains(out.String(), `"state":"running"`) {
			return
		}
		<-tick.C
	}
	ts.Fatalf("no node answers on %s", args[0])
}

func TestEveryCommandExplainsItself(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commands() {
		if seen[c.name] {
			t.Errorf("%s is listed twice", c.name)
		}
		seen[c.name] = true
		if c.summary == "" || strings.HasSuffix(c.summary, ".") || c.run == nil {
			t.Errorf("%s: summary %q", c.name, c.summary)
		}
		if !strings.Contains(c.help, "    fengsui "+c.name) {
			t.Errorf("%s: its help has no example", c.name)
		}
		for _, args := range [][]string{append(strings.Fields(c.name), "--help"), append([]string{"help"}, strings.Fields(c.name)...)} {
			var out, errs bytes.Buffer
			if code := run(t.Context(), args, Env{strings.NewReader(""), &out, &errs, nil}); code != exitDone || errs.Len() != 0 || !strings.Contains(out.String(), "usage: fengsui "+c.name) {
				t.Errorf("%v: exit %d, %q %q", args, code, out.String(), errs.String())
			}
		}
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(strings.Fields(c.name), "--no-such-flag"), Env{strings.NewReader(""), &out, &errs, nil}); code != exitUsage || out.Len() != 0 || strings.Count(errs.String(), "\n") == 0 {
			t.Errorf("%s --no-such-flag: exit %d, %q %q", c.name, code, out.String(), errs.String())
		}
	}
}

func TestConfigHelpIsAConfiguration(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"help", "config"}, Env{strings.NewReader(""), &out, &errs, nil}); code != exitDone {
		t.Fatalf("exit %d %s", code, errs.String())
	}
	if _, err := config.Parse("help", "/", out.Bytes()); err != nil {
		t.Error(err)
	}
}

func TestFlagsMayFollowArguments(t *testing.T) {
	f := func(args []string, wantArgs string, wantJSON bool, wantErr string) {
		t.Helper()
		fl := newFlags(Env{})
		err := fl.parse(args, 0, 2, "at most two words")
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != wantErr || err == nil && (strings.Join(fl.args, "|") != wantArgs || *fl.json != wantJSON) {
			t.Errorf("%v: %v %v, %q", args, fl.args, *fl.json, got)
		}
	}
	f(nil, "", false, "")
	f([]string{"a", "--json", "b"}, "a|b", true, "")
	f([]string{"--json", "a"}, "a", true, "")
	f([]string{"a", "--", "--json"}, "a|--json", false, "")
	f([]string{"--", "-x"}, "-x", false, "")
	f([]string{"a", "b", "c"}, "", false, "want at most two words")
	f([]string{"a", "--jsn"}, "", false, "unknown flag --jsn")
}
