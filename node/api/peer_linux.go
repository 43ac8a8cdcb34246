package api

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peerUID asks the kernel who opened the connection: unix(7), SO_PEERCRED.
func peerUID(c net.Conn) (int, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return -1, fmt.Errorf("not a unix socket: %T", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("reach the socket: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return -1, fmt.Errorf("reach the socket: %w", err)
	}
	if credErr != nil {
		return -1, fmt.Errorf("ask for the caller's uid: %w", credErr)
	}
	return int(cred.Uid), nil
}
