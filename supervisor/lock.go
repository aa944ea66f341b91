package supervisor

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// takeLock makes this process the supervisor of a state folder. The kernel
// drops the lock with the process, so that a killed supervisor leaves none.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if err == unix.EWOULDBLOCK {
			return nil, fmt.Errorf("a supervisor runs already, as pid %s; use apply, restart or down", pidIn(f))
		}
		return nil, os.NewSyscallError("flock", err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = os.Remove(path)
		f.Close()
		return nil, err
	}
	return f, nil
}

func pidIn(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return pid
	}
	return "(unknown)"
}

// Pid is the process id of the supervisor of a state folder, 0 if none runs.
func (p Paths) Pid() int {
	f, err := os.Open(p.lock())
	if err != nil {
		return 0
	}
	defer f.Close()
	// A shared lock is refused as long as a supervisor has it alone.
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return 0
	}
	pid, _ := strconv.Atoi(pidIn(f))
	return pid
}
