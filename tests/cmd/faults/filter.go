package main

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A command is run under a seccomp filter that asks this program before each
// call of the list (seccomp_unotify(2)). Unlike a tracer's, one such question
// is a single exchange, processes made later are asked for as well, and nobody
// changes who is whose parent.

// launchVariable in the environment makes this program the launcher: it installs
// the filter and becomes the command.
const launchVariable = "FAULTS_LAUNCH"

// launch does not return unless it fails. Its execve is the first call that is
// asked for, so by then the listener has been fetched.
func launch(args []string) error {
	goruntime.LockOSThread()
	program := filterProgram()
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("cannot install a seccomp filter: %w", errno)
	}
	return unix.Exec(args[0], args, os.Environ())
}

func filterProgram() []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	program := []unix.SockFilter{load(0)} // seccomp_data.nr; the test runs on one architecture
	for nr := range calls {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(nr)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	return append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
}

// notification is struct seccomp_notif, response struct seccomp_notif_resp.
type notification struct {
	id     uint64
	pid, _ uint32 // a thread's
	nr     int32
	_      uint32
	_      uint64
	args   [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// listen fetches the launcher's listener and answers it until nobody is left to
// ask. Answer returns an error for the call to fail with, 0 to let it be made,
// and false to leave it unanswered.
func listen(pid int, answer func(*notification) (unix.Errno, bool)) error {
	fd, err := fetchListener(pid)
	if err != nil {
		return err
	}
	go func() {
		defer unix.Close(fd)
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
				return
			}
			if poll[0].Revents&unix.POLLIN == 0 {
				if poll[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 {
					return
				}
				continue
			}
			var n notification
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
				continue // it died meanwhile
			}
			errno, ok := answer(&n)
			if !ok {
				continue
			}
			r := response{id: n.id, error: -int32(errno)}
			if errno == 0 {
				r.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
			}
			_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
		}
	}()
	return nil
}

func fetchListener(pid int) (int, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return -1, fmt.Errorf("the launcher died: %w", err)
		}
		for _, e := range entries {
			to, _ := os.Readlink(filepath.Join(dir, e.Name()))
			if !strings.Contains(to, "seccomp notify") {
				continue
			}
			number, err := strconv.Atoi(e.Name())
			if err != nil {
				continue
			}
			return take(pid, number)
		}
	}
	return -1, fmt.Errorf("the launcher, process %d, installed no filter", pid)
}

// take copies a descriptor of another process.
func take(pid, number int) (int, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open a pidfd of the launcher: %w", err)
	}
	defer unix.Close(pidfd)
	return unix.PidfdGetfd(pidfd, number, 0)
}
