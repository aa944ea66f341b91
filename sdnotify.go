//go:build !oci

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// notifyManager tells the service manager, if there is one, what the supervisor
// does (sd_notify(3)). Nobody that listens is no fault.
func notifyManager(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if path[0] == '@' {
		path = "\x00" + path[1:]
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Sendto(fd, []byte(state), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: path})
}
