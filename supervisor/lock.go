package supervisor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long a supervisor may have the lock and not answer: one that
// was killed, the last of whose threads holds the lock, and each must be given a
// processor to end; one that is about to end by itself, or to begin.
var lockPatience = 10 * time.Second

// takeLock makes this process the supervisor of a state folder. The kernel
// drops the lock with the process, so that a killed supervisor leaves none. It fails
// with fs.ErrNotExist where the supervisor's folder is not there, or not any more.
func (p Paths) takeLock() (*os.File, error) {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(5 * time.Millisecond) {
		f, err := os.OpenFile(p.lock(), os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && isFile(f, p.lock()) { // else a supervisor that ended has removed it, and others lock another
			return f, p.sign(f)
		}
		pid := pidIn(f)
		f.Close()
		switch {
		case err != nil && !errors.Is(err, unix.EWOULDBLOCK):
			return nil, os.NewSyscallError("flock", err)
		case err != nil && !dying(pid) && p.answers():
			return nil, fmt.Errorf("a supervisor runs already, as pid %s; use apply, restart or down", pid)
		case err != nil && time.Now().After(deadline):
			return nil, fmt.Errorf("process %s has %s and does not answer: another down is stopping services, or a supervisor hangs", pid, p.lock())
		}
	}
}

// sign writes into the lock whose it is.
func (p Paths) sign(f *os.File) error {
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = os.Remove(p.lock())
		f.Close()
	}
	return err
}

// answers: somebody listens on the control socket.
func (p Paths) answers() bool {
	c, err := net.Dial("unix", p.socket())
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// gone: no supervisor runs, or one that was killed and has not let go of the lock yet.
func (p Paths) gone() bool {
	f, err := os.Open(p.lock())
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil || dying(pidIn(f))
}

// dying: a process is gone, or has been killed and is not yet. While other threads of
// it live, it is a zombie.
func dying(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch name {
		case "State":
			if strings.HasPrefix(value, "Z") || strings.HasPrefix(value, "X") {
				return true
			}
		case "SigPnd", "ShdPnd": // hexadecimal sets of pending signals
			if set, err := strconv.ParseUint(value, 16, 64); err == nil && set&(1<<(unix.SIGKILL-1)) != 0 {
				return true
			}
		}
	}
	return false
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
