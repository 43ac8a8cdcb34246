package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"fengsui/node/cli/text"
	"fengsui/node/demo"
)

func demoCommand() command {
	return command{
		name: "demo", args: "[--once] [--pcap FILE] [--rules FILE…] [--keep] [--json]", summary: "three tiers on this machine: the whole story on real traffic",
		help: `Starts eight real processes of this program in a temporary directory: a province of three nodes, a city of three, two counties.
They enrol through the real registration; the province issues rules; attacks in a county's traffic reach the province; block
lists are enforced; a line is cut and comes back; a leader is killed in the middle of a burst. Every figure is measured, and a
claim that is not true ends the demo with exit code 1, the step, the process and the last lines of its log.

On a terminal it then keeps running until Ctrl-C and says what to try; --once ends after the story. --pcap and --rules use
other traffic and rules. --keep leaves the directory. Nothing else on the machine is touched; root is not needed, but without
it (or user namespaces) the county cannot enforce its block list and says so.

    fengsui demo --once --json`,
		run: runDemo,
	}
}

func runDemo(ctx context.Context, e Env, args []string) error {
	f := newFlags(e)
	o := demo.Options{Stdout: e.Stdout, Stderr: e.Stderr, Getenv: e.Getenv, Program: os.Args[0]}
	var rules list
	f.BoolVar(&o.Once, "once", false, "end after the story")
	f.BoolVar(&o.Keep, "keep", false, "leave the directory")
	f.StringVar(&o.Pcap, "pcap", "", "capture file to replay")
	f.Var(&rules, "rules", "rule file")
	f.Uint64Var(&o.Seed, "seed", 1, "of the relay's decisions by chance")
	if err := f.parse(args, 0, 0, ""); err != nil {
		return err
	}
	o.JSON, o.Rules = *f.json, rules
	if !signal.Ignored(syscall.SIGHUP) { // a closed terminal ends the demo; nohup keeps it
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	err := demo.Run(ctx, o)
	if err == nil {
		return nil
	}
	var step *demo.StepError
	var process *demo.ProcessError
	if *f.json {
		out := map[string]any{"error": err.Error()}
		if errors.As(err, &step) {
			out["step"] = step.Step
		}
		if err := printJSON(e.Stdout, out); err != nil {
			return err
		}
	}
	if errors.As(err, &process) && ctx.Err() == nil { // who interrupts a demo knows why its processes ended
		fmt.Fprintf(e.Stderr, "last lines of %s:\n", process.Node)
		for _, line := range process.Log {
			fmt.Fprintf(e.Stderr, "  %s\n", text.Clean(line))
		}
	}
	return err
}
