package headroom

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// DescriptorsOfAny is what every command needs. With fewer than three the Go
// runtime aborts, for what it waits for files with (epoll(7), eventfd(2)); with up
// to eight libcontainer cannot read /proc, and takes a container that runs for one
// that has stopped.
const DescriptorsOfAny = 12

// Descriptors fails where a process has no n descriptors left.
func Descriptors(n int) error {
	var all []int
	defer func() {
		for _, fd := range all {
			unix.Close(fd)
		}
	}()
	for range (n + 1) / 2 {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return fmt.Errorf("cannot open files: %w (ulimit -n)", err)
		}
		all = append(all, pipe[0], pipe[1])
	}
	return nil
}
