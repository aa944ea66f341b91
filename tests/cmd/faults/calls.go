package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// call is a system call that changes or opens something.
type call struct {
	name string
	// changes: something outside the process is different after it, so there
	// is something to be killed before. A call that only opens is not.
	changes bool
	errors  []unix.Errno // that section 2 of the manual allows it, of those we inject
}

// The errors that are injected. Others are the same to a program, or the same
// calls do not return them.
var injected = []unix.Errno{unix.ENOSPC, unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.EINTR, unix.EBUSY}

const (
	sysFchmodat2 = 452
	cloneThread  = unix.CLONE_THREAD
)

// calls are what the filter stops at. Left out is what reads, waits or concerns
// nothing but the process's own memory and threads.
var calls = map[int]call{
	unix.SYS_OPENAT:  {"openat", false, nil}, // see classify
	unix.SYS_OPENAT2: {"openat2", false, nil},

	unix.SYS_SOCKET:       {"socket", false, []unix.Errno{unix.EMFILE, unix.ENOMEM}},
	unix.SYS_SOCKETPAIR:   {"socketpair", false, []unix.Errno{unix.EMFILE}},
	unix.SYS_PIPE2:        {"pipe2", false, []unix.Errno{unix.EMFILE}},
	unix.SYS_MEMFD_CREATE: {"memfd_create", false, []unix.Errno{unix.EMFILE, unix.ENOMEM}},
	unix.SYS_PIDFD_OPEN:   {"pidfd_open", false, []unix.Errno{unix.EMFILE, unix.ENOMEM}},
	unix.SYS_DUP:          {"dup", false, []unix.Errno{unix.EMFILE}},
	unix.SYS_DUP3:         {"dup3", false, []unix.Errno{unix.EINTR, unix.EBUSY}},

	unix.SYS_BIND:     {"bind", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_CONNECT:  {"connect", true, nil}, // EINTR means that it goes on, and nobody would finish it
	unix.SYS_SENDTO:   {"sendto", true, []unix.Errno{unix.ENOMEM, unix.EINTR}},
	unix.SYS_SENDMSG:  {"sendmsg", true, []unix.Errno{unix.ENOMEM, unix.EINTR}},
	unix.SYS_WRITE:    {"write", true, nil},
	unix.SYS_PWRITE64: {"pwrite64", true, nil},
	unix.SYS_WRITEV:   {"writev", true, nil},

	unix.SYS_FTRUNCATE:  {"ftruncate", true, []unix.Errno{unix.EINTR}},
	unix.SYS_FALLOCATE:  {"fallocate", true, []unix.Errno{unix.ENOSPC, unix.EINTR}},
	unix.SYS_FSYNC:      {"fsync", true, []unix.Errno{unix.ENOSPC, unix.EINTR}},
	unix.SYS_FLOCK:      {"flock", true, []unix.Errno{unix.EINTR}},
	unix.SYS_MKDIRAT:    {"mkdirat", true, []unix.Errno{unix.ENOSPC, unix.ENOMEM}},
	unix.SYS_MKNODAT:    {"mknodat", true, []unix.Errno{unix.ENOSPC, unix.ENOMEM}},
	unix.SYS_SYMLINKAT:  {"symlinkat", true, []unix.Errno{unix.ENOSPC, unix.ENOMEM}},
	unix.SYS_LINKAT:     {"linkat", true, []unix.Errno{unix.ENOSPC, unix.ENOMEM}},
	unix.SYS_UNLINKAT:   {"unlinkat", true, []unix.Errno{unix.ENOMEM, unix.EBUSY}},
	unix.SYS_RENAMEAT:   {"renameat", true, []unix.Errno{unix.ENOSPC, unix.ENOMEM, unix.EBUSY}},
	unix.SYS_RENAMEAT2:  {"renameat2", true, []unix.Errno{unix.ENOSPC, unix.ENOMEM, unix.EBUSY}},
	unix.SYS_FCHMOD:     {"fchmod", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_FCHMODAT:   {"fchmodat", true, []unix.Errno{unix.ENOMEM}},
	sysFchmodat2:        {"fchmodat2", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_FCHOWN:     {"fchown", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_FCHOWNAT:   {"fchownat", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_CHDIR:      {"chdir", false, []unix.Errno{unix.ENOMEM}},
	unix.SYS_MOUNT:      {"mount", true, []unix.Errno{unix.ENOMEM, unix.EBUSY}},
	unix.SYS_UMOUNT2:    {"umount2", true, []unix.Errno{unix.ENOMEM, unix.EBUSY}},
	unix.SYS_PIVOT_ROOT: {"pivot_root", true, []unix.Errno{unix.EBUSY}},
	unix.SYS_CHROOT:     {"chroot", true, []unix.Errno{unix.ENOMEM}},

	unix.SYS_FSOPEN:        {"fsopen", false, []unix.Errno{unix.EMFILE, unix.ENOMEM}},
	unix.SYS_FSCONFIG:      {"fsconfig", true, []unix.Errno{unix.EBUSY, unix.ENOMEM}},
	unix.SYS_FSMOUNT:       {"fsmount", true, []unix.Errno{unix.EMFILE, unix.ENOMEM, unix.EBUSY}},
	unix.SYS_OPEN_TREE:     {"open_tree", true, []unix.Errno{unix.EMFILE, unix.ENOMEM}},
	unix.SYS_MOVE_MOUNT:    {"move_mount", true, []unix.Errno{unix.ENOMEM, unix.EBUSY}},
	unix.SYS_MOUNT_SETATTR: {"mount_setattr", true, []unix.Errno{unix.EBUSY}},

	unix.SYS_CLONE:    {"clone", true, []unix.Errno{unix.ENOMEM}}, // not of threads
	unix.SYS_CLONE3:   {"clone3", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_EXECVE:   {"execve", true, []unix.Errno{unix.ENOMEM, unix.EMFILE}},
	unix.SYS_EXECVEAT: {"execveat", true, []unix.Errno{unix.ENOMEM, unix.EMFILE}},
	unix.SYS_SETNS:    {"setns", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_UNSHARE:  {"unshare", true, []unix.Errno{unix.ENOMEM, unix.ENOSPC}},

	unix.SYS_KILL:              {"kill", true, nil},
	unix.SYS_PIDFD_SEND_SIGNAL: {"pidfd_send_signal", true, nil},
	unix.SYS_KEYCTL:            {"keyctl", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_BPF:               {"bpf", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_SECCOMP:           {"seccomp", true, []unix.Errno{unix.ENOMEM}},
	unix.SYS_SETHOSTNAME:       {"sethostname", true, nil},
	unix.SYS_SETGROUPS:         {"setgroups", true, []unix.Errno{unix.ENOMEM}},
}

// classify says what a call is that a process is about to make; false when it
// does not matter.
func classify(n *notification) (call, bool) {
	c, ok := calls[int(n.nr)]
	if !ok {
		return c, false
	}
	switch n.nr {
	case unix.SYS_OPENAT:
		return opens(c, n.args[2]), true
	case unix.SYS_OPENAT2:
		return opens(c, peek(n, n.args[2])), true
	case unix.SYS_CLONE:
		return c, n.args[0]&cloneThread == 0
	case unix.SYS_CLONE3:
		return c, peek(n, n.args[0])&cloneThread == 0
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV:
		return writes(c, n)
	case unix.SYS_BPF, unix.SYS_SECCOMP:
		// Mostly questions of what there is.
		c.changes = n.nr == unix.SYS_SECCOMP && n.args[0] == unix.SECCOMP_SET_MODE_FILTER
	}
	return c, true
}

func opens(c call, flags uint64) call {
	switch {
	case flags&unix.O_PATH != 0: // a step on the way to something
		c.errors = []unix.Errno{unix.EMFILE}
	case flags&unix.O_CREAT != 0:
		c.changes, c.errors = true, []unix.Errno{unix.ENOSPC, unix.EMFILE, unix.ENOMEM, unix.EINTR}
	default:
		c.errors = []unix.Errno{unix.EMFILE, unix.ENOMEM, unix.EINTR}
	}
	return c
}

// writes: what an error of write(2) can be depends on what is written to.
func writes(c call, n *notification) (call, bool) {
	to, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(int(n.pid)), "fd", strconv.Itoa(int(int32(n.args[0])))))
	switch {
	case strings.HasPrefix(to, "anon_inode:"):
		return c, false // by which Go wakes its own threads
	case strings.HasPrefix(to, "/proc/"), strings.HasPrefix(to, "pipe:"), strings.HasPrefix(to, "socket:"):
		c.errors = []unix.Errno{unix.EINTR}
	case strings.HasPrefix(to, "/sys/"):
		c.errors = []unix.Errno{unix.ENOSPC, unix.ENOMEM, unix.EINTR, unix.EBUSY}
	case strings.HasPrefix(to, "/dev/"), strings.HasPrefix(to, outputs):
		return c, false // what the command says
	default:
		c.errors = []unix.Errno{unix.ENOSPC, unix.EINTR}
	}
	return c, true
}

// peek reads 8 bytes of a process's memory.
func peek(n *notification, at uint64) uint64 {
	var data [8]byte
	local := []unix.Iovec{{Base: &data[0], Len: 8}}
	remote := []unix.RemoteIovec{{Base: uintptr(at), Len: 8}}
	if _, err := unix.ProcessVMReadv(int(n.pid), local, remote, 0); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(data[:])
}

// may tells whether it can fail so. What makes a descriptor and an open file may find
// no room for either; dup(2) makes the first alone.
func (c call) may(e unix.Errno) bool {
	if e == unix.ENFILE {
		return c.name != "dup" && slices.Contains(c.errors, unix.EMFILE)
	}
	return slices.Contains(c.errors, e)
}
