package detect

import (
	"fmt"
	"strings"
)

// readVars reads rule variables: a line each, "NAME: VALUE", as in the vars section of a suricata.yaml without its indentation and quotes. Empty
// lines and lines that begin with # are passed over; quotes around a value are taken off.
//
//	HOME_NET: [192.168.0.0/16,10.0.0.0/8]
//	HTTP_PORTS: 80
func readVars(name string) (map[string]string, error) {
	text, err := readLimited(name, dataFileBytesMax)
	if err != nil {
		return nil, fmt.Errorf("vars file: %w", err)
	}
	vars := map[string]string{}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.TrimPrefix(strings.TrimSpace(key), "$"), strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		switch {
		case !ok || !isName(key):
			return nil, fmt.Errorf("vars file: %s:%d: want NAME: VALUE, for example HTTP_PORTS: [80,8080]", name, i+1)
		case value == "":
			return nil, fmt.Errorf("vars file: %s:%d: %s has no value", name, i+1, key)
		}
		if _, twice := vars[key]; twice {
			return nil, fmt.Errorf("vars file: %s:%d: %s is set twice", name, i+1, key)
		}
		vars[key] = value
	}
	return vars, nil
}

func isName(s string) bool {
	for _, c := range s {
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}
