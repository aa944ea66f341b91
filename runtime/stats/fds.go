package stats

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// keptFDs is of how many processes of a container /proc/PID/fd stays open.
const keptFDs = 16

// readFDs finds, among the processes of a cgroup and the cgroups below it, the
// one nearest to its soft limit of descriptors. A process that ends meanwhile
// does not count.
func (r *reader) readFDs(cgroup *folder) *FDs {
	if cgroup.path == "" {
		return nil
	}
	var nearest *FDs
	seen := make(map[string]int, len(r.fds))
	r.walkFDs(cgroup, &nearest, seen)
	for pid, fd := range r.fds {
		if _, lives := seen[pid]; !lives {
			closeFile(fd)
		}
	}
	if r.keep {
		r.fds = seen
	}
	return nearest
}

func (r *reader) walkFDs(cgroup *folder, nearest **FDs, seen map[string]int) {
	for pid := range lines(cgroup.list("cgroup.procs")) {
		// One outside our PID namespace is 0.
		if f := r.fdsOf(string(pid), seen); f != nil && f.PID > 0 && f.nearer(*nearest) {
			*nearest = f
		}
	}
	if cgroup.leaf() {
		return
	}
	entries, _ := os.ReadDir(cgroup.path) // a cgroup that is gone has no processes
	for _, e := range entries {
		if e.IsDir() {
			below := newReader(r.source, false).folder(filepath.Join(cgroup.path, e.Name()))
			r.walkFDs(below, nearest, seen)
		}
	}
}

// nearer compares by the part of the limit that is used; without limits, by
// the number.
func (f *FDs) nearer(than *FDs) bool {
	switch {
	case than == nil:
		return true
	case f.Limit == nil || than.Limit == nil:
		return than.Limit == nil && (f.Limit != nil || f.Open > than.Open)
	default:
		return float64(f.Open)*float64(*than.Limit) > float64(than.Open)*float64(*f.Limit)
	}
}

func (r *reader) fdsOf(pid string, seen map[string]int) *FDs {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return nil
	}
	open, ok := r.openFDs(pid, seen)
	if !ok {
		return nil
	}
	f := &FDs{PID: n, Open: open}
	// Of another user's process the limits are told to CAP_SYS_RESOURCE alone,
	// and in /proc to everybody, for ten times the price.
	var limit unix.Rlimit
	if n > 0 && r.source.Proc == "/proc" && unix.Prlimit(n, unix.RLIMIT_NOFILE, nil, &limit) == nil {
		if limit.Cur != math.MaxUint64 {
			f.Limit = r.figure(limit.Cur)
		}
		return f
	}
	limits, err := os.ReadFile(filepath.Join(r.source.Proc, pid, "limits"))
	if err != nil {
		return nil
	}
	// Max open files            1024                 4096                 files
	for line := range lines(limits) {
		if rest, ok := bytes.CutPrefix(line, []byte("Max open files")); ok {
			if fields := bytes.Fields(rest); len(fields) > 0 {
				if n, err := strconv.ParseUint(string(fields[0]), 10, 64); err == nil {
					f.Limit = r.figure(n)
				}
			}
		}
	}
	return f
}

// openFDs takes the size of /proc/PID/fd, which is the number of open
// descriptors since kernel 6.2; before, it was always zero.
func (r *reader) openFDs(pid string, seen map[string]int) (uint64, bool) {
	var st unix.Stat_t
	fd, kept := r.fds[pid]
	if kept && unix.Fstat(fd, &st) != nil { // that process is gone, and its number given to another
		closeFile(fd)
		kept = false
	}
	delete(r.fds, pid)
	path := filepath.Join(r.source.Proc, pid, "fd")
	if !kept {
		var err error
		if fd, err = openFolder(path); err != nil {
			return 0, false
		}
		if err = unix.Fstat(fd, &st); err != nil {
			closeFile(fd)
			return 0, false
		}
	}
	if r.keep && len(seen) < keptFDs {
		seen[pid] = fd
	} else {
		closeFile(fd)
	}
	if st.Size > 0 && strings.HasPrefix(path, "/proc/") {
		return uint64(st.Size), true
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	return uint64(len(names)), err == nil
}

func readlinkBase(path string) string {
	target, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}
