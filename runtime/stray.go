package runtime

import (
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Names of the processes by which libcontainer's init joins or makes namespaces
// (nsexec.c): runc:[1:CHILD], and runc:[2:INIT], which has joined. Both are children of
// ours, and libcontainer reaps them once it was told of them; where the first
// one ends in an error before that, never.
const (
	anyStray   = "(runc:["
	firstStray = "(runc:[1:CHILD]"
)

// strayPatience is how long a stray may take to end.
const strayPatience = time.Second

// reaping calls libcontainer's start of a process in a container that is there, and
// reaps what one that fails left as zombies. One that had joined a container keeps
// that container from ever ending: the kernel lets a pid namespace's first process
// go when the last of the others was reaped (pid_namespaces(7)), and this one only
// we can reap.
//
// Its thread starts nothing else meanwhile, so its children are told from those of
// other starts, of which somebody awaits the end. Where processors are given to an
// exec (execCPUAffinity) libcontainer starts it in a thread of its own, and a stray
// is not found.
//
// A creation does without: to keep its thread costs it 5 % of its time, and what it
// leaves past the first stray is in a PID namespace of its own, unless it was to join
// another's.
func reaping(start func() error) error {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	tid := unix.Gettid()
	before := children(tid)
	err := start()
	if err != nil {
		reapStrays(anyStray, func() []int {
			return slices.DeleteFunc(children(tid), func(pid int) bool { return slices.Contains(before, pid) })
		})
	}
	return err
}

// reapStrays reaps those of some children that have such a name. A concurrent start
// that loses its first stray to this one does not miss it.
func reapStrays(name string, among func() []int) {
	for end := time.Now().Add(strayPatience); ; time.Sleep(10 * time.Millisecond) {
		living := false
		for _, pid := range among() {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			switch {
			case err != nil || !strings.Contains(string(stat), name):
			case strings.Contains(string(stat), ") Z "):
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			default:
				living = true
			}
		}
		if !living || time.Now().After(end) {
			return
		}
	}
}

// allChildren are those of all threads.
func allChildren() (pids []int) {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		if tid, err := strconv.Atoi(thread.Name()); err == nil {
			pids = append(pids, children(tid)...)
		}
	}
	return pids
}

// children are those that a thread of this process started, zombies too; none if it
// has ended, or on a kernel without CONFIG_PROC_CHILDREN.
func children(tid int) (pids []int) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", tid))
	for _, word := range strings.Fields(string(data)) {
		if pid, err := strconv.Atoi(word); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
