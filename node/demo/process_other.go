//go:build !linux

package demo

import "syscall"

// processAttributes: only Linux can tie a child's life to ours.
func processAttributes(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func lockThread() {}

func userNamespaces() bool { return false }
