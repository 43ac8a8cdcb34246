package config

import (
	"slices"
	"strings"
)

const envPrefix = "FENGSUI_"

// EnvConfig names the variable that says where the configuration file is. Load does not read it; the command line does.
const EnvConfig = "FENGSUI_CONFIG"

// override applies the environment, then flags. Both are texts; lists are separated by commas.
func override(c *Config, o Overrides) []Problem {
	var out []Problem
	fields := keys()
	names := make([]string, len(fields))
	for i, k := range fields {
		names[i] = envName(k.path)
	}
	set := func(k key[Config], source, shown, text string) {
		if complaint := setText(k, c, ".", text); complaint != "" {
			out = append(out, Problem{File: source, Key: shown, Text: quote(text) + " " + complaint})
			return
		}
		c.given = append(c.given, k.path)
	}
	for _, kv := range o.Environ {
		name, text, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, envPrefix) || foreignEnv(name) {
			continue
		}
		i := slices.Index(names, name)
		if i < 0 {
			hint := "unset it; `fengsui help config` lists the variables"
			if near := nearest(name, names); near != "" {
				hint = "did you mean " + near + "?"
			}
			out = append(out, Problem{File: "environment", Key: name, Text: "unknown variable", Hint: hint})
			continue
		}
		set(fields[i], "environment", name, text)
	}
	paths := make([]string, 0, len(o.Flags))
	for path := range o.Flags {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		i := slices.IndexFunc(fields, func(k key[Config]) bool { return k.path == path })
		if i < 0 {
			out = append(out, Problem{File: "flags", Key: path, Text: "unknown key", Hint: "`fengsui help config` lists the keys"})
			continue
		}
		set(fields[i], "flags", path, o.Flags[path])
	}
	return out
}

// foreignEnv tells variables that carry our prefix without being settings: the name of the configuration file itself, and
// what Kubernetes puts into containers for a service called fengsui.
func foreignEnv(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	return name == EnvConfig || strings.HasSuffix(rest, "SERVICE_HOST") || strings.Contains(rest, "SERVICE_PORT") ||
		rest == "PORT" || strings.HasPrefix(rest, "PORT_")
}
