package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// listDescriptors prints the descriptors of a process (its own without an
// argument) above the standard three, and what they are.
func listDescriptors(args []string) error {
	of := "self"
	if len(args) > 0 {
		of = args[0]
	}
	dir, err := unix.Open("/proc/"+of+"/fd", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(dir), "fd")
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n <= 2 || of == "self" && n == dir {
			continue
		}
		target, err := os.Readlink("/proc/" + of + "/fd/" + name)
		if err != nil || of == "self" && target == "anon_inode:[eventpoll]" || of == "self" && target == "anon_inode:[eventfd]" {
			continue // gone, or of Go's own poller
		}
		if of == "self" && strings.HasPrefix(target, "/sys/fs/cgroup/cpu") {
			continue // Go's own, for GOMAXPROCS
		}
		fmt.Println(name, target)
	}
	return nil
}

// outsideCwd tells where the working directory is if that is not below the root
// (CVE-2024-21626): the kernel says so itself, and going up from it never comes
// by the root.
func outsideCwd([]string) error {
	buf := make([]byte, 4096)
	n, err := unix.Getcwd(buf)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	if err != nil || n == 0 || buf[0] != '/' {
		fmt.Printf("outside: %q\n", string(buf[:max(0, n-1)]))
		return nil
	}
	var root, at unix.Stat_t
	if err := unix.Stat("/", &root); err != nil {
		return err
	}
	for up := "."; len(up) < 400; up += "/.." {
		if err := unix.Stat(up, &at); err != nil {
			return err
		}
		if at.Dev == root.Dev && at.Ino == root.Ino {
			return nil
		}
	}
	fmt.Println("outside: / is not above")
	return nil
}

// leakCwd enters a root with a working directory that stays outside, as a leaked
// descriptor would give it, and looks.
func leakCwd(args []string) error {
	fd, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if err := unix.Chroot(args[0]); err != nil {
		return err
	}
	if err := unix.Fchdir(fd); err != nil {
		return err
	}
	return outsideCwd(nil)
}

// strayed tells all by which this process could be outside: its working directory,
// descriptors, and any way to the files whose DEVICE:INODE are given.
func strayed(args []string) error {
	fmt.Println("looked")
	if err := outsideCwd(nil); err != nil {
		return err
	}
	if err := listDescriptors(nil); err != nil {
		return err
	}
	return sees(args)
}
