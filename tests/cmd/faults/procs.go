package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A worker is the first process of a pid namespace: all others in it are its
// commands' doing, and the orphans among them are its children.

// reaper reaps all children, and keeps how they ended.
type reaper struct {
	sync.Mutex
	ended map[int]unix.WaitStatus
}

func newReaper() *reaper {
	r := &reaper{ended: map[int]unix.WaitStatus{}}
	go func() {
		for {
			var ws unix.WaitStatus
			pid, err := unix.Wait4(-1, &ws, 0, nil)
			if err != nil {
				time.Sleep(500 * time.Microsecond) // none at present
				continue
			}
			r.Lock()
			r.ended[pid] = ws
			r.Unlock()
		}
	}()
	return r
}

// start starts a program with its streams on files.
func (r *reaper) start(args []string, env []string, stdin string, stdout, stderr *os.File) (int, error) {
	in, err := os.Open(stdin)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	r.Lock()
	defer r.Unlock()
	pid, err := syscall.ForkExec(args[0], args, &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{in.Fd(), stdout.Fd(), stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	delete(r.ended, pid) // of an earlier one with its number
	return pid, err
}

// wait waits for a child; false: it took longer.
func (r *reaper) wait(pid int, patience time.Duration) (unix.WaitStatus, bool) {
	for deadline := time.Now().Add(patience); ; time.Sleep(500 * time.Microsecond) {
		r.Lock()
		ws, ok := r.ended[pid]
		r.Unlock()
		if ok {
			return ws, true
		}
		if time.Now().After(deadline) {
			return 0, false
		}
	}
}

// processes lists all but this one, zombies left out.
func processes() []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		rest := stat[bytes.LastIndexByte(stat, ')')+1:]
		if bytes.HasPrefix(rest, []byte(" Z")) || bytes.HasPrefix(rest, []byte(" X")) {
			continue
		}
		pids = append(pids, pid)
	}
	return pids
}

// except lists the processes that are not among others.
func except(others []int) (pids []int) {
	for _, pid := range processes() {
		if !slices.Contains(others, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func exeOf(pid int) string {
	path, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	return filepath.Base(path)
}

// isProgram: a container's own program runs in it, not the runtime. What the
// tests run in containers is one of these.
func isProgram(exe string) bool { return exe == "busybox" || exe == "sleep" }

func cmdline(pid int) string {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
}

func describe(pids []int) string {
	var all []string
	for _, pid := range pids {
		all = append(all, fmt.Sprintf("process %d (%s: %s)", pid, exeOf(pid), cmdline(pid)))
	}
	return strings.Join(all, ", ")
}

func threadGroup(tid int) int {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(tid), "status"))
	_, rest, _ := bytes.Cut(data, []byte("\nTgid:\t"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	pid, _ := strconv.Atoi(string(line))
	return pid
}
