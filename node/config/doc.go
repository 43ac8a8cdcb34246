// Package config reads the one YAML file a node is run by.
//
// It owns the tree of settings ([Config]), their defaults, the table of keys (keys.go) that is at once decoder, documentation
// and list of what may be overridden, and the commented example every operator starts from ([Example]).
//
// Reading is strict: unknown keys, keys given twice, wrong types, bad values and settings that contradict each other are all
// reported together ([Problems]), each with file, line, column, key path and what to do. What the file leaves out takes its
// default; FENGSUI_* variables override the file, flags override both. Secrets are never values here, only names of files
// ([Config.Passphrase] reads one); [Config.Dump] can therefore show everything, and still masks what names a secret.
//
// Not here: opening sockets, directories or devices, or asking whether they can be opened. That is found out by whoever opens
// them. A loaded Config is a plain value, copied by assignment except for its slices and map, which nobody writes to.
package config
