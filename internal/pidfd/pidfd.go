// Package pidfd waits for processes without a thread: Go's own wait keeps one
// for each.
package pidfd

import (
	"os"

	"golang.org/x/sys/unix"
)

// File is a descriptor of a process, see pidfd_open(2).
type File struct{ *os.File }

// Open fails with ESRCH for a process that is gone. The kernel has nonblocking
// descriptors since 5.10.
func Open(pid int) (*File, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	return &File{os.NewFile(uintptr(fd), "pidfd")}, nil
}

// Wait returns once the process has ended; it need not be a child, and one that
// is a child is still to be reaped.
func (f *File) Wait() error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		return err == nil && n > 0
	})
}
