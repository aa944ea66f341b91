package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	pidfile "blackhole/internal/pidfd"
)

// pidfd is a process that can be waited for without a thread, and of which the
// kernel may tell how it ended.
type pidfd struct {
	*pidfile.File
	pid int
}

// openPidfd fails with ESRCH for a process that is gone.
func openPidfd(pid int) (*pidfd, error) {
	f, err := pidfile.Open(pid)
	if err != nil {
		return nil, err
	}
	return &pidfd{f, pid}, nil
}

func (p *pidfd) wait() error { return p.Wait() }

// signal fails for a process that has ended.
func (p *pidfd) signal(sig unix.Signal) error {
	raw, err := p.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) { serr = unix.PidfdSendSignal(int(fd), sig, nil, 0) })
	return errors.Join(err, serr)
}

func (p *pidfd) close() { p.Close() }

// reap waits for a container's first process and returns its exit code.
func (r *running) reap() int {
	_ = r.pidfd.wait()
	defer r.pidfd.close()
	if r.process != nil {
		if code, err := r.process.Wait(); err == nil {
			return code
		}
		return -1
	}
	return r.pidfd.exitCode()
}

// exitCode finds out how a process ended that is somebody else's child, -1 where
// the kernel does not tell.
func (p *pidfd) exitCode() int {
	// PIDFD_GET_INFO with PIDFD_INFO_EXIT, kernel 6.15: of a process that was
	// reaped. See struct pidfd_info in include/uapi/linux/pidfd.h.
	const getInfo, infoExit = 0xc040ff0b, 1 << 3
	var info struct {
		mask, cgroup uint64
		ids          [11]uint32
		status       int32
	}
	// One that waits to be reaped tells it in /proc/PID/stat, field 52; proc(5).
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid)); err == nil {
		if i := bytes.LastIndexByte(stat, ')'); i >= 0 {
			if fields := bytes.Fields(stat[i+1:]); len(fields) >= 50 && string(fields[0]) == "Z" {
				if status, err := strconv.Atoi(string(fields[49])); err == nil {
					return exitCode(unix.WaitStatus(status))
				}
			}
		}
	}
	info.mask = infoExit
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, p.Fd(), getInfo, uintptr(unsafe.Pointer(&info)))
	if errno == 0 && info.mask&infoExit != 0 {
		return exitCode(unix.WaitStatus(info.status))
	}
	return -1
}

func exitCode(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
