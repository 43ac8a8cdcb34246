package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"fengsui/node/api"
	"fengsui/node/config"
)

// dataDefault is where a packaged node keeps its data.
const dataDefault = "/var/lib/fengsui"

// flags reads one command's flags. Unlike package flag alone it accepts them after the arguments as well.
type flags struct {
	*flag.FlagSet
	json *bool
	env  Env
	args []string

	data, config *string // only where the command asks a node
}

func newFlags(e Env) *flags {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	f := &flags{FlagSet: fs, env: e}
	f.json = fs.Bool("json", false, "one JSON object a line instead of tables")
	return f
}

// forNode adds what says which node is meant.
func (f *flags) forNode() *flags {
	f.data = f.String("data", "", "data directory of the node to ask (FENGSUI_DATA)")
	f.config = f.String("config", "", "configuration file of the node to ask (FENGSUI_CONFIG)")
	return f
}

// parse reads args and checks how many arguments there are; most < 0 means any number.
func (f *flags) parse(args []string, least, most int, want string) error {
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return usagef("%s", strings.Replace(err.Error(), "flag provided but not defined: ", "unknown flag -", 1))
		}
		rest := f.FlagSet.Args()
		if len(rest) == 0 {
			break
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			f.args = append(f.args, rest...)
			break
		}
		f.args, args = append(f.args, rest[0]), rest[1:]
	}
	if len(f.args) < least || most >= 0 && len(f.args) > most {
		if want == "" {
			return usagef("unexpected argument %q", f.args[0])
		}
		return usagef("want %s", want)
	}
	return nil
}

// dataDir is the data directory of the node that is meant: flag, configuration, environment, the packaged place.
func (f *flags) dataDir() (string, error) {
	switch {
	case *f.data != "":
		return *f.data, nil
	case *f.config != "":
		return dataFrom(*f.config)
	case f.env.Getenv("FENGSUI_DATA") != "":
		return f.env.Getenv("FENGSUI_DATA"), nil
	case f.env.Getenv(config.EnvConfig) != "":
		return dataFrom(f.env.Getenv(config.EnvConfig))
	}
	return dataDefault, nil
}

func dataFrom(path string) (string, error) {
	c, err := config.Load(path, config.Overrides{})
	if err != nil {
		return "", err
	}
	return c.Data, nil
}

// client returns the client of the node that is meant.
func (f *flags) client() (*api.Client, error) {
	dir, err := f.dataDir()
	if err != nil {
		return nil, err
	}
	return api.NewClient(filepath.Join(dir, api.SocketName)), nil
}

// list is a flag that may be given more than once, or hold several values separated by commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	for _, item := range strings.Split(s, ",") {
		if item = strings.TrimSpace(item); item == "" {
			return errors.New("is empty")
		}
		*l = append(*l, item)
	}
	return nil
}

// readInput reads a named file, or standard input for "-", up to a limit.
func readInput(e Env, name string, bytesMax int64) ([]byte, error) {
	in := e.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, errors.Unwrap(err))
		}
		defer func() { _ = file.Close() }() // only read
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, bytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(b)) > bytesMax {
		return nil, fmt.Errorf("read %s: larger than %d MiB", name, bytesMax>>20)
	}
	return b, nil
}
