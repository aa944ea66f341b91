package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// fault is what happens at the n-th call.
type fault struct {
	kind string // "kill", "kill-tree" or an error's name
	call string // the one system call that is counted; empty is all
	n    int    // 0: nothing, only count
}

const (
	killCommand = "kill"
	killTree    = "kill-tree"
)

// faultKinds are all of them, in the order of the table.
func faultKinds() []string {
	kinds := []string{killCommand, killTree}
	for _, e := range injected {
		kinds = append(kinds, unix.ErrnoName(e))
	}
	return kinds
}

// session is one case: it counts the calls of the command under test and of all
// that it starts, and lets the fault happen.
type session struct {
	sync.Mutex
	fault  fault
	armed  bool
	before []int // processes that were there
	pid    int   // of the command
	count  int
	hit    string // the call that the fault happened at
	killed map[int]bool
}

// arm starts counting.
func (s *session) arm(f fault) {
	s.Lock()
	defer s.Unlock()
	s.fault, s.armed, s.before = f, true, processes()
	s.pid, s.count, s.hit, s.killed = 0, 0, "", map[int]bool{}
}

// disarm returns how many calls there were, and which one the fault happened at.
func (s *session) disarm() (int, string) {
	s.Lock()
	defer s.Unlock()
	s.armed = false
	return s.count, s.hit
}

// answer is asked before each call of the list.
func (s *session) answer(n *notification) (unix.Errno, bool) {
	s.Lock()
	defer s.Unlock()
	if !s.armed {
		return 0, true
	}
	exe := exeOf(int(n.pid))
	if isProgram(exe) || exe == "faults" {
		return 0, true
	}
	c, ok := classify(n)
	if !ok {
		return 0, true
	}
	if s.killed[int(n.pid)] || s.killed[threadGroup(int(n.pid))] {
		return 0, false
	}
	errno := errorNamed(s.fault.kind)
	if s.fault.call != "" && s.fault.call != c.name {
		return 0, true
	}
	if errno != 0 && !c.may(errno) || errno == 0 && !c.changes {
		return 0, true
	}
	s.count++
	if s.count != s.fault.n {
		return 0, true
	}
	s.hit = fmt.Sprintf("%s of %s (%s)", c.name, cmdline(int(n.pid)), exe)
	if errno != 0 {
		return errno, true
	}
	if c.name == "execve" { // until then it is the one that made it, and may be to become the supervisor
		pid := threadGroup(int(n.pid))
		_ = unix.Kill(pid, unix.SIGKILL)
		s.killed[pid] = true
	}
	s.kill(s.fault.kind == killTree)
	return 0, !s.killed[threadGroup(int(n.pid))]
}

func errorNamed(kind string) unix.Errno {
	for _, e := range injected {
		if unix.ErrnoName(e) == kind {
			return e
		}
	}
	return 0
}

// kill ends the command, and the supervisor where it started one; with tree all
// that they started too, but for the containers' programs.
func (s *session) kill(tree bool) {
	for again := true; again; {
		again = false
		for _, pid := range processes() {
			if s.killed[pid] {
				continue
			}
			ours := pid == s.pid || isSupervisor(pid)
			if tree && !slices.Contains(s.before, pid) && !isProgram(exeOf(pid)) {
				ours = true
			}
			if ours {
				_ = unix.Kill(pid, unix.SIGKILL)
				s.killed[pid], again = true, tree
			}
		}
	}
}

// awaitKilled waits until the killed are gone, with all their threads and open
// files: the kernel takes its time, and the operator who comes next does too.
func (s *session) awaitKilled() {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		living := false
		for pid := range s.killed {
			living = living || unix.Kill(pid, 0) == nil
		}
		if !living {
			return
		}
	}
}

// isSupervisor: up -d starts itself again with this flag.
func isSupervisor(pid int) bool {
	return strings.Contains(cmdline(pid), "--report-fd")
}

// patience is how long a command may take. Deletions wait 10 s for a lock; a host
// where many network namespaces end at a time stops for longer than that.
const patience = 120 * time.Second

// run runs a command under the filter and waits for it. It returns its exit code,
// 128+n after signal n, and what it said on stderr.
func (w *worker) run(stdin string, args ...string) (int, string, error) {
	return w.runs(true, stdin, args)
}

// plain runs a command without the filter.
func (w *worker) plain(args ...string) (int, string, error) {
	return w.runs(false, os.DevNull, args)
}

func (w *worker) runs(filtered bool, stdin string, args []string) (int, string, error) {
	// New files: what an earlier command left running still writes to its own.
	for _, name := range []string{"out", "err"} {
		if err := os.Remove(outputs + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return -1, "", err
		}
	}
	out, err := os.OpenFile(outputs+"out", os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return -1, "", err
	}
	defer out.Close()
	errs, err := os.OpenFile(outputs+"err", os.O_CREATE|os.O_RDWR|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return -1, "", err
	}
	defer errs.Close()
	env := os.Environ()
	full := args
	if filtered {
		env = append(env, launchVariable+"=1")
		full = append([]string{"/proc/self/exe"}, args...)
	}
	pid, err := w.reaper.start(full, env, stdin, out, errs)
	if err != nil {
		return -1, "", fmt.Errorf("cannot start %s: %w", args[0], err)
	}
	if filtered {
		w.session.Lock()
		w.session.pid = pid
		w.session.Unlock()
		if err := listen(pid, w.session.answer); err != nil {
			return -1, "", err
		}
	}
	ws, ok := w.reaper.wait(pid, patience)
	data, _ := os.ReadFile(outputs + "err")
	said := strings.TrimRight(string(data), "\n")
	if !ok {
		_ = unix.Kill(pid, unix.SIGKILL)
		told, _ := os.ReadFile(logs + "/supervisor.out") // mostly there is none
		return -1, said, fmt.Errorf("%q hangs: not done after %s: %s %s", strings.Join(args[1:], " "), patience, said, told)
	}
	if ws.Signaled() {
		return 128 + int(ws.Signal()), said, nil
	}
	return ws.ExitStatus(), said, nil
}

// must runs a command that has to succeed.
func (w *worker) must(args ...string) error {
	return succeeded(args)(w.plain(args...))
}

// mustFiltered is must for what the command under test will be asked to work on.
func (w *worker) mustFiltered(args ...string) error {
	return succeeded(args)(w.run(os.DevNull, args...))
}

func succeeded(args []string) func(int, string, error) error {
	return func(code int, said string, err error) error {
		if err == nil && code != 0 {
			err = fmt.Errorf("%q: exit code %d: %s", strings.Join(args[1:], " "), code, said)
		}
		return err
	}
}
