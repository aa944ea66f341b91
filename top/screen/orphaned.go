package screen

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// orphaned tells whether this process's group has nobody in its session, such as
// a shell with job control, who could let it go on after a stop. The kernel does
// not deliver SIGTSTP to such a group (setpgid(2)), but SIGSTOP it does.
func orphaned() bool {
	group := unix.Getpgrp()
	session, err := unix.Getsid(0)
	if err != nil {
		return true
	}
	for pid := os.Getppid(); pid > 0; pid = parentOf(pid) {
		if g, err := unix.Getpgid(pid); err != nil || g == group {
			continue // another of the same job: who started that?
		}
		s, err := unix.Getsid(pid)
		return err != nil || s != session
	}
	return true
}

// parentOf reads the parent from /proc/PID/stat, behind the name in brackets,
// which may hold anything (proc(5)); 0 where there is none.
func parentOf(pid int) (parent int) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	var state string
	if _, err := fmt.Sscan(string(data[bytes.LastIndexByte(data, ')')+1:]), &state, &parent); err != nil {
		return 0
	}
	return parent
}
