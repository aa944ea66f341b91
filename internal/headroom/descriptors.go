package headroom

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Descriptors fails where a process has no four descriptors left: the first
// file that is opened, and what the Go runtime makes along with it to wait for
// files (epoll(7), eventfd(2)), with one to spare.
func Descriptors() error {
	for range 2 {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return fmt.Errorf("cannot open files: %w (ulimit -n)", err)
		}
		defer unix.Close(pipe[0])
		defer unix.Close(pipe[1])
	}
	return nil
}
