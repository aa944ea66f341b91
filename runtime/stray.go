package runtime

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// stray is the name of the process by which libcontainer's init joins or makes
// namespaces (nsexec.c, stage 1). It is a child of ours, and libcontainer reaps it
// once it was told of it, which comes after the next one has been made.
const stray = "(runc:[1:CHILD]) Z "

// strayPatience is how long a stray may take to end.
const strayPatience = time.Second

// reapStrays reaps what a failed start left as a zombie. One that had joined a
// container keeps that container from ever ending: the kernel lets a pid
// namespace's first process go when the last of the others was reaped
// (pid_namespaces(7)), and this one only we can reap.
//
// A concurrent start that loses its stray to this one does not miss it.
func reapStrays() {
	for end := time.Now().Add(strayPatience); ; time.Sleep(10 * time.Millisecond) {
		living := false
		for _, pid := range children() {
			stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
			if err != nil {
				continue
			}
			switch name := stray[:len(stray)-len("Z ")]; {
			case strings.Contains(string(stat), stray):
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			case strings.Contains(string(stat), name):
				living = true
			}
		}
		if !living || time.Now().After(end) {
			return
		}
	}
}

// children are this process's, zombies too; none on a kernel without
// CONFIG_PROC_CHILDREN.
func children() (pids []int) {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		data, _ := os.ReadFile(file) // a thread may have ended
		for _, word := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
