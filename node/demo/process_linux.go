package demo

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// processAttributes makes a child die with us, and out of reach of the terminal's Ctrl-C, which is for us alone. userns gives it
// a user namespace in which it has the right to make network namespaces although we are not root.
func processAttributes(userns bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if userns {
		a.Cloneflags = syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return a
}

func lockThread() { runtime.LockOSThread() }

// userNamespaces tells whether the kernel lets us have a user namespace, by making one for a process that ends at once.
func userNamespaces() bool {
	cmd := exec.Command("/proc/self/exe", "version")
	cmd.SysProcAttr = processAttributes(true)
	return cmd.Run() == nil
}
