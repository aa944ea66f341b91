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
// become the container's own program (its command line is another) is no prey.
// With "seen" it tells as well that it met one.
func attackJoiner(args []string) error {
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
			if first[pid] || !still(pid) {
				continue
			}
			if len(args) > 0 {
				tell("seen")
			}
			for _, attempt := range holds() {
				if attempt.try(pid) == nil && still(pid) {
					tell(attempt.name)
				}
			}
		}
	}
}

type hold struct {
	name string
	try  func(pid int) error
}

// holds are the ways to take hold of another process. What a process that does
// not let itself be traced shows to everybody, its numbers of descriptors for
// one, is not among them.
func holds() []hold {
	path := func(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }
	opened := func(name string, flags int) func(int) error {
		return func(pid int) error { return opensAs(path(pid, name), flags) }
	}
	link := func(name string) func(int) error {
		return func(pid int) error {
			_, err := os.Readlink(path(pid, name))
			return err
		}
	}
	// Open does not ask, reading does.
	read := func(name string) func(int) error {
		return func(pid int) error {
			f, err := os.Open(path(pid, name))
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.Read(make([]byte, 64))
			return err
		}
	}
	return []hold{
		{"memory", opened("mem", unix.O_RDWR)},
		{"maps", read("maps")},
		{"environment", read("environ")},
		{"environment with a secret", func(pid int) error {
			data, err := os.ReadFile(path(pid, "environ"))
			if err == nil && !strings.Contains(string(data), "hidden") {
				err = unix.ENOENT
			}
			return err
		}},
		{"root", opened("root", unix.O_PATH)},
		{"working directory", opened("cwd", unix.O_PATH)},
		{"binary", opened("exe", unix.O_RDONLY)},
		{"binary's name", link("exe")},
		{"mount namespace", opened("ns/mnt", unix.O_RDONLY)},
		{"descriptors", func(pid int) error {
			for fd := range 20 {
				if opensAs(path(pid, fmt.Sprintf("fd/%d", fd)), unix.O_PATH) == nil {
					return nil
				}
			}
			return unix.EACCES
		}},
		{"pidfd_getfd", func(pid int) error {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			got, err := unix.PidfdGetfd(fd, 3, 0)
			if err == nil {
				unix.Close(got)
			}
			return err
		}},
		{"process_vm_readv", func(pid int) error {
			var word [1]byte
			local := []unix.Iovec{{Base: &word[0], Len: 1}}
			_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0)
			return err
		}},
		{"ptrace", func(pid int) error {
			if err := call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0); err != nil {
				return err
			}
			// Or its end would be told to this process and not to the runtime.
			var status unix.WaitStatus
			_ = unix.PtraceInterrupt(pid)
			_, _ = unix.Wait4(pid, &status, unix.WALL, nil)
			return unix.PtraceDetach(pid)
		}},
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

func sleepForever([]string) error {
	for {
		_ = unix.Nanosleep(&unix.Timespec{Sec: 1000}, nil)
	}
}
