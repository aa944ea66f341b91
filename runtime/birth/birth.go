// Package birth has a container's first process born in its cgroups, where libcontainer
// moves it there.
//
// Moving a process takes cgroup_threadgroup_rwsem for writing, which first waits for an
// RCU grace period (runtime/attach.go): most of the time that a creation
// takes. Two ways into a cgroup do without. clone3(2) makes a process in a cgroup of version 2
// (CLONE_INTO_CGROUP): [Note] tells libcontainer's nsexec of the cgroup, whose clone(2) the linker
// puts clone.c in the place of. And a thread that moves itself alone, by writing 0
// to the file tasks of a cgroup of version 1, takes no lock, for its process stays what
// it is (cgroup_procs_write_start in kernel/cgroup/cgroup.c), and what it forks is where it
// is: [In].
package birth

// #cgo LDFLAGS: -Wl,--wrap=clone
import "C"

import (
	"math"
	"os"
	"time"
	"unsafe"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"

	"blackhole/internal/memfile"
	"blackhole/internal/ownthread"
)

// In runs f in a thread that is in these cgroups of version 1 and in nothing else of
// theirs, and returns once that thread is gone. Where it cannot get into all of them
// f is not run.
//
// The thread is subject to their limits, and /proc/PID of this process does not show
// it: f is to begin a process, before there are limits, and no more.
func In(dirs []string, f func() error) (entered bool, err error) {
	var tid int
	done := make(chan struct{})
	ownthread.Go(func() {
		defer close(done)
		tid = unix.Gettid()
		for _, dir := range dirs {
			if err = cgroups.WriteFile(dir, "tasks", "0"); err != nil {
				return
			}
		}
		entered = true
		err = f()
	})
	<-done
	// Until then cgroup.procs has this process, of which who kills all that is in a
	// container's cgroups is to know nothing.
	for deadline := time.Now().Add(time.Second); unix.Tgkill(os.Getpid(), tid, 0) == nil && time.Now().Before(deadline); {
		time.Sleep(20 * time.Microsecond)
	}
	return entered, err
}

// magic begins a note, the rest of which is the path; clone.c has the same.
const magic = "blackhole cgroup 1\n"

// Note is a file which, as the last of libcontainer.Process.ExtraFiles, has the
// container's first process born in a cgroup of version 2. Where the kernel does not do
// that (see [IntoCgroup]; or the cgroup takes no process) it is born where its
// creator is. It is closed before the process is in the container.
func Note(dir string) (*os.File, error) {
	return memfile.Sealed("cgroup", []byte(magic+dir))
}

// IntoCgroup tells whether the kernel makes processes in a cgroup of version 2 (clone3(2),
// CLONE_INTO_CGROUP, since Linux 5.7), and lets this process have it do so: container engines forbid
// clone3(2) to what they run.
func IntoCgroup() bool {
	// What no kernel takes: a signal that there is not, and as a cgroup no descriptor. One that does not know the
	// flag says that there is too much, E2BIG.
	const into, exitSignal, cgroup = 0, 4, 10 // struct clone_args
	var args [11]uint64
	args[into], args[exitSignal], args[cgroup] = unix.CLONE_INTO_CGROUP, math.MaxUint64, math.MaxUint64
	_, _, err := unix.Syscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return err == unix.EINVAL
}
