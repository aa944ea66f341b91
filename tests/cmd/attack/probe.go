package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt is one thing of the host's that a container must not get at. It
// succeeds where the kernel no longer refuses for want of privilege; what would
// do harm is asked for with an argument that fails for another reason.
type attempt struct {
	name string
	try  func() error
}

// harmless turns the error by which the kernel refuses an argument, having
// granted the privilege, into success.
func harmless(err error, granted ...error) error {
	for _, g := range granted {
		if errors.Is(err, g) {
			return nil
		}
	}
	return err
}

func call(nr uintptr, a ...uintptr) error {
	var n [6]uintptr
	copy(n[:], a)
	_, _, errno := unix.Syscall6(nr, n[0], n[1], n[2], n[3], n[4], n[5])
	if errno != 0 {
		return errno
	}
	return nil
}

func text(s string) uintptr {
	b := append([]byte(s), 0)
	return uintptr(unsafe.Pointer(&b[0]))
}

// opens a file for writing, without writing to it.
func opens(path string) error { return opensAs(path, unix.O_WRONLY) }

func opensAs(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// mounts a file system and looks into it by f.
func mounts(kind, data string, f func(dir string) error) error {
	dir, err := os.MkdirTemp("/tmp", "m")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := unix.Mount(kind, dir, kind, 0, data); err != nil {
		return err
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	return f(dir)
}

// device makes a device node and opens it.
func device(mode uint32, major, minor uint32, flags int) error {
	path := filepath.Join("/tmp", "device"+strconv.Itoa(os.Getpid()))
	if err := unix.Mknod(path, mode|0o600, int(unix.Mkdev(major, minor))); err != nil {
		return err
	}
	defer os.Remove(path)
	return harmless(opensAs(path, flags), unix.ENXIO, unix.ENODEV, unix.ENOMEDIUM, unix.EBUSY)
}

// attempts; disk is MAJOR:MINOR of a disk of the host, bound a path of the host's
// file system that the container sees.
func attempts(disk, bound string) []attempt {
	var major, minor uint32
	_, _ = fmt.Sscanf(disk, "%d:%d", &major, &minor)
	return []attempt{
		{"disk", func() error { return device(unix.S_IFBLK, major, minor, unix.O_RDONLY) }},
		{"memory", func() error { return device(unix.S_IFCHR, 1, 1, unix.O_RDONLY) }},
		{"kmsg", func() error { return device(unix.S_IFCHR, 1, 11, unix.O_WRONLY) }},
		{"mount", func() error { return mounts("tmpfs", "", func(string) error { return nil }) }},
		{"fsopen", func() error {
			fd, err := unix.Fsopen("tmpfs", 0)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		{"core_pattern", func() error { return opens("/proc/sys/kernel/core_pattern") }},
		{"sysrq", func() error { return opens("/proc/sysrq-trigger") }},
		{"kcore", func() error { return readsSome("/proc/kcore") }},
		{"new proc", func() error {
			return mounts("proc", "", func(dir string) error { return opens(dir + "/sys/kernel/core_pattern") })
		}},
		{"proc read-write", func() error {
			if err := unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
				return err
			}
			return opens("/proc/sys/kernel/core_pattern")
		}},
		{"new sysfs", func() error {
			return mounts("sysfs", "", func(dir string) error { return opens(dir + "/kernel/mm/transparent_hugepage/enabled") })
		}},
		{"cgroup", func() error { return writesCgroup("/sys/fs/cgroup") }},
		{"new cgroup", func() error {
			for _, kind := range []string{"cgroup2", "cgroup"} {
				data := ""
				if kind == "cgroup" {
					data = "devices"
				}
				if err := mounts(kind, data, writesCgroup); err == nil {
					return nil
				}
			}
			return unix.EPERM
		}},
		{"module", func() error { return harmless(unix.InitModule([]byte("no module"), ""), unix.ENOEXEC) }},
		{"kexec", func() error {
			return harmless(call(unix.SYS_KEXEC_LOAD, 0, 0, 0, ^uintptr(0)), unix.EINVAL)
		}},
		{"clock", func() error {
			_, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_TICK, Tick: 1})
			return harmless(err, unix.EINVAL)
		}},
		{"handle", func() error { return byHandle(bound) }},
		{"kernel log", func() error { return harmless(call(unix.SYS_SYSLOG, 8, 0, 99), unix.EINVAL) }},
		{"bpf", func() error {
			attr := [16]uint64{}
			return harmless(call(unix.SYS_BPF, unix.BPF_PROG_GET_NEXT_ID, uintptr(unsafe.Pointer(&attr)), 128), unix.ENOENT)
		}},
		{"perf", func() error {
			fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: 72}, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		{"ports", func() error { return call(unix.SYS_IOPL, 3) }},
		{"swap", func() error { return harmless(call(unix.SYS_SWAPON, text("/nonexistent"), 0), unix.ENOENT) }},
		{"accounting", func() error { return harmless(call(unix.SYS_ACCT, text("/nonexistent")), unix.ENOENT) }},
		{"real time", func() error {
			var param int32 = 1
			return call(unix.SYS_SCHED_SETSCHEDULER, 0, 1, uintptr(unsafe.Pointer(&param)))
		}},
		{"user namespace", func() error { return unshared(unix.CLONE_NEWUSER) }},
		{"cgroup namespace", func() error { return unshared(unix.CLONE_NEWCGROUP) }},
	}
}

// unshared asks in a child, for it would change what comes after.
func unshared(flag uintptr) error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, flag|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		for {
			_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

func readsSome(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.ReadFull(f, make([]byte, 64))
	return err
}

// writesCgroup opens something that governs cgroups, below a mount of them.
func writesCgroup(dir string) error {
	found := errors.New("none")
	_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || strings.Count(strings.TrimPrefix(path, dir), "/") > 2 {
			return nil
		}
		switch entry.Name() {
		case "cgroup.procs", "release_agent", "devices.allow", "memory.max", "cgroup.subtree_control":
			if err := opens(path); err == nil {
				found = nil
				return filepath.SkipAll
			}
		}
		return nil
	})
	return found
}

// byHandle opens the root of the file system that a path lies on by its handle,
// which needs no path (name_to_handle_at(2)): inode 2 of ext4, or the first of
// its kind. The path may be any below it.
func byHandle(path string) error {
	mount, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(mount)
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
	if err != nil {
		return fmt.Errorf("no handle: %w", err)
	}
	fd, err := unix.OpenByHandleAt(mount, handle, unix.O_RDONLY)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// probe makes all attempts and prints the names of those that succeed, or with
// -v all with their errors.
func probe(args []string) error {
	verbose := len(args) > 2
	for _, a := range attempts(args[0], args[1]) {
		err := a.try()
		switch {
		case verbose:
			fmt.Println(a.name+":", err)
		case err == nil:
			fmt.Println(a.name)
		}
	}
	return nil
}

// openDevices tries each device number up to a bound, as node of its own and as
// what /dev has, and prints those that open. Those of the OCI's default devices
// are no prey.
func openDevices([]string) error {
	for _, kind := range []uint32{unix.S_IFBLK, unix.S_IFCHR} {
		for major := range uint32(260) {
			for _, minor := range []uint32{0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 16, 130, 229, 232, 236, 237} {
				if kind == unix.S_IFCHR && isDefault(major, minor) {
					continue
				}
				if device(kind, major, minor, unix.O_RDONLY) == nil {
					fmt.Printf("%c %d:%d\n", map[uint32]rune{unix.S_IFBLK: 'b', unix.S_IFCHR: 'c'}[kind], major, minor)
				}
			}
		}
	}
	return nil
}

func isDefault(major, minor uint32) bool {
	switch major {
	case 0: // 0:0 is what overlayfs marks removed files with, and is no device
		return minor == 0
	case 1:
		return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9
	case 5:
		return minor == 0 || minor == 2
	case 136, 137, 138, 139, 140, 141, 142, 143:
		return true
	}
	return false
}
