package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// unmasked prints those of the paths given that are not masked as they should
// be: a masked file is the null device, a masked folder is empty and read-only.
func unmasked(args []string) error {
	for _, path := range args {
		if what := looksMasked(path); what != "" {
			fmt.Printf("not masked: %s (%s)\n", path, what)
		}
	}
	return nil
}

// looksMasked is empty for what is masked, or not there in this kernel.
func looksMasked(path string) string {
	// Once opened it is one thing, whoever renames it.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return ""
	}
	if err != nil {
		return err.Error()
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err.Error()
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		if stat.Rdev == unix.Mkdev(1, 3) {
			return ""
		}
	case unix.S_IFDIR:
		if names, err := f.Readdirnames(-1); err == nil && len(names) == 0 {
			return ""
		}
	}
	return fmt.Sprintf("mode %o, device %x", stat.Mode, stat.Rdev)
}

// keys looks for what a caller's session keyring holds: a key of the given name.
func keys(args []string) error {
	for _, ring := range []int{unix.KEY_SPEC_SESSION_KEYRING, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_USER_SESSION_KEYRING, unix.KEY_SPEC_PROCESS_KEYRING, unix.KEY_SPEC_THREAD_KEYRING} {
		if _, err := unix.KeyctlSearch(ring, "user", args[0], 0); err == nil {
			fmt.Println("found in", ring)
		}
	}
	id, err := unix.RequestKey("user", args[0], "", 0)
	if err == nil {
		fmt.Println("requested", id)
	}
	return nil
}

// withKey runs PROGRAM ARGS… in a new session keyring with a key of that name.
func withKey(args []string) error {
	runtime.LockOSThread()
	if _, err := unix.KeyctlJoinSessionKeyring("attack"); err != nil {
		return err
	}
	if _, err := unix.AddKey("user", args[0], []byte("secret"), unix.KEY_SPEC_SESSION_KEYRING); err != nil {
		return err
	}
	return unix.Exec(args[1], args[1:], os.Environ())
}

// typeAhead puts characters into the input of whoever reads from the terminal
// that it has on a descriptor (ioctl_tty(2), TIOCSTI).
func typeAhead([]string) error {
	for fd := 0; fd <= 2; fd++ {
		for _, c := range []byte("touch typed\n") {
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSTI, uintptr(unsafe.Pointer(&c)))
			if errno != 0 {
				break
			}
			fmt.Println("typed")
		}
	}
	return nil
}

// cgroupEscape makes every attempt at the cgroups of others that has been known,
// and prints what it got through with. It undoes what it can.
func cgroupEscape([]string) error {
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		switch entry.Name() {
		case "cgroup.procs", "tasks", "release_agent", "notify_on_release", "devices.allow", "memory.limit_in_bytes",
			"memory.max", "pids.max", "cpu.max", "cgroup.subtree_control", "cgroup.freeze", "cgroup.kill", "freezer.state":
			if opens(path) == nil {
				fmt.Println("writable:", path)
			}
		}
		return nil
	})
	if err := os.Mkdir("/sys/fs/cgroup/escape", 0o755); err == nil {
		if _, err := os.Stat("/sys/fs/cgroup/escape/cgroup.procs"); err == nil { // v1's is a tmpfs of the container's own
			fmt.Println("made a cgroup")
		}
		_ = os.Remove("/sys/fs/cgroup/escape")
	}
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 3)
		if len(fields) == 3 && strings.Contains(fields[2], "..") {
			fmt.Println("sees above its own:", lines.Text())
		}
	}
	// v1's release_agent runs a program of the host's as root (CVE-2022-0492):
	// in a user namespace of its own anybody can mount.
	for _, kind := range []string{"cgroup", "cgroup2"} {
		for _, data := range []string{"", "memory", "rdma", "devices", "pids", "freezer", "none,name=escape"} {
			err := mounts(kind, data, func(dir string) error {
				if opens(dir+"/release_agent") == nil {
					fmt.Println("release_agent of", kind, data)
				}
				return writesCgroup(dir)
			})
			if err == nil {
				fmt.Println("mounted", kind, data)
			}
		}
	}
	return nil
}

// connectUnix prints which of the sockets given it can connect to.
func connectUnix(args []string) error {
	for _, path := range args {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err == nil {
			fmt.Println("connected to", path)
		}
		unix.Close(fd)
	}
	return nil
}

// mountedOutside prints the mounts that should not be there: of the file system
// that the root lies on, those of a folder given (its path there), and any below
// the places given as at=PLACE.
func mountedOutside(args []string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var own string
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == "/" {
			own = fields[2]
		}
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		for _, bad := range args {
			at, place := strings.CutPrefix(bad, "at=")
			if place && strings.HasPrefix(fields[4], at) || !place && fields[2] == own && fields[3] == bad {
				fmt.Println(strings.TrimSpace(line))
			}
		}
	}
	return nil
}

// writeFile writes WORDS to a file, to see what the kernel says: file, then the
// name of the error or ok.
func writeFile(args []string) error {
	fd, err := unix.Open(args[0], unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte(strings.Join(args[1:], " ")))
		unix.Close(fd)
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		tellErrno(errno)
	} else {
		tellErrno(0)
	}
	return nil
}

// sees looks through all that can be seen below / for the files and folders
// whose DEVICE:INODE are given, whatever way leads to them, and prints those ways.
func sees(args []string) error {
	wanted := map[string]bool{}
	for _, arg := range args {
		wanted[arg] = true
	}
	return filepath.WalkDir("/", func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if path == "/proc" || path == "/sys" {
			return filepath.SkipDir
		}
		var stat unix.Stat_t
		if unix.Lstat(path, &stat) == nil && wanted[fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)] {
			fmt.Println("sees", path)
		}
		return nil
	})
}
