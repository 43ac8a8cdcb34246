package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"fengsui/node/cli/text"
	"fengsui/node/config"
)

func helpCommand() command {
	return command{
		name: "help", args: "[COMMAND | config | exit-codes]", summary: "list the commands, explain one, or show the configuration file",
		help: `Without an argument: the list of commands. With one: what that command does, its flags, and an example that runs.
"config" prints the whole configuration file with comments and defaults; "exit-codes" says what exit codes mean.

    fengsui help node init
    fengsui help config > fengsui.yaml`,
		run: runHelp,
	}
}

func runHelp(_ context.Context, e Env, args []string) error {
	f := newFlags(e)
	if err := f.parse(args, 0, 2, "at most one command"); err != nil {
		return err
	}
	switch topic := strings.Join(f.args, " "); topic {
	case "":
		return printHelp(e.Stdout)
	case "config":
		return printConfigHelp(e.Stdout)
	case "exit-codes":
		_, err := io.WriteString(e.Stdout, "0  done\n1  failed: the error line says what, where, and what to do\n2  wrongly asked: unknown command or flag, or a configuration that cannot be right\n")
		return err
	default:
		c, rest := find(f.args)
		if c == nil || len(rest) > 0 {
			return usagef("%s", unknownCommand(f.args))
		}
		return c.printHelp(e.Stdout)
	}
}

// printHelp lists the commands.
func printHelp(w io.Writer) error {
	var b strings.Builder
	b.WriteString("Fengsui 烽燧: security monitoring for government networks; one binary at province, city and county.\n\nusage: fengsui COMMAND [--json] …\n\n")
	width := 0
	for _, c := range commands() {
		width = max(width, text.Width(c.name))
	}
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %s  %s\n", text.Pad(c.name, width), c.summary)
	}
	b.WriteString("\nStart with `fengsui demo`. `fengsui help COMMAND` explains one command, `fengsui help config` the configuration file.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// printHelp explains one command.
func (c *command) printHelp(w io.Writer) error {
	usage := "fengsui " + c.name
	if c.args != "" {
		usage += " " + c.args
	}
	_, err := fmt.Fprintf(w, "%s: %s\n\nusage: %s\n\n%s\n", c.name, c.summary, usage, strings.TrimSpace(c.help))
	return err
}

func printConfigHelp(w io.Writer) error {
	if _, err := io.WriteString(w, config.Example()); err != nil {
		return err
	}
	t := text.NewTable("# variable", "overrides", "meaning")
	for _, k := range config.Keys() {
		if k.Env != "" {
			t.Row("# "+k.Env, k.Path, k.Doc)
		}
	}
	if _, err := io.WriteString(w, "\n# Variables\n#\n"); err != nil {
		return err
	}
	return t.Print(w)
}

func versionCommand() command {
	return command{
		name: "version", summary: "print the version of this binary",
		help: `Prints the version, the Go release it was built with, and the system it was built for.

    fengsui version --json`,
		run: func(_ context.Context, e Env, args []string) error {
			f := newFlags(e)
			if err := f.parse(args, 0, 0, ""); err != nil {
				return err
			}
			if *f.json {
				return printJSON(e.Stdout, map[string]string{"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
			}
			_, err := fmt.Fprintf(e.Stdout, "fengsui %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// nodeFlagsHelp ends the help of every command that asks a node.
const nodeFlagsHelp = `

Which node: --data DIR, or --config FILE, or FENGSUI_DATA, or FENGSUI_CONFIG, or /var/lib/fengsui. Only the owner of the data
directory may ask. --json prints one JSON object a line.`
