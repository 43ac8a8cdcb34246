package config

import _ "embed"

//go:embed example.yaml
var example string

// Example is the commented file that shows every key; `fengsui help config` prints it and a test loads it.
func Example() string { return example }
