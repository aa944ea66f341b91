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

// process is one that the last reading found.
type process struct {
	pid int
	fd  int // its /proc/PID/fd, kept open; -1 before it was seen twice, for most that come also go
}

// readFDs finds, among the processes of a cgroup and the cgroups below it, the
// one nearest to its soft limit of descriptors. A process that ends meanwhile
// does not count.
func (r *reader) readFDs() (*FDs, error) {
	var nearest *FDs
	var known [keptFDs]process
	before := known[:copy(known[:], r.procs)]
	r.procs = r.procs[:0]
	var err error
	for _, cgroup := range r.withProcesses() {
		if found := r.walkFDs(cgroup, &nearest, before); found || cgroup.err != nil {
			err = cgroup.err
			break
		}
	}
	for _, p := range before {
		closeFile(p.fd) // those that are still there have become -1
	}
	if !r.keep {
		r.closeProcs()
	}
	return nearest, err
}

// withProcesses are the folders whose lists tell the processes, the cheapest
// first: with both kinds of hierarchies that of v2, whose list may be kept open.
func (r *reader) withProcesses() (dirs []*folder) {
	for _, controller := range []string{"", "pids", "memory"} {
		if d := r.folders[controller]; d != nil && d.path != "" {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

func (r *reader) walkFDs(cgroup *folder, nearest **FDs, before []process) (found bool) {
	for pid := range lines(cgroup.list("cgroup.procs")) {
		found = true
		n, err := strconv.Atoi(string(pid))
		if err != nil {
			continue
		}
		// One outside our PID namespace is 0.
		if f, ok := r.fdsOf(n, before); ok && n > 0 && f.nearer(*nearest) {
			*nearest = &f
		}
	}
	if cgroup.leaf() {
		return found
	}
	entries, _ := os.ReadDir(cgroup.path) // a cgroup that is gone has no processes
	for _, e := range entries {
		if e.IsDir() {
			below := newReader(r.source, false).folder(filepath.Join(cgroup.path, e.Name()))
			found = r.walkFDs(below, nearest, before) || found
		}
	}
	return found
}

// nearer compares by the part of the limit that is used; without limits, by
// the number.
func (f FDs) nearer(than *FDs) bool {
	switch {
	case than == nil:
		return true
	case f.Limit == nil || than.Limit == nil:
		return than.Limit == nil && (f.Limit != nil || f.Open > than.Open)
	default:
		return float64(f.Open)*float64(*than.Limit) > float64(than.Open)*float64(*f.Limit)
	}
}

func (r *reader) fdsOf(pid int, before []process) (f FDs, ok bool) {
	f.PID = pid
	if f.Open, ok = r.openFDs(pid, before); !ok {
		return f, false
	}
	// Of another user's process the limits are told to CAP_SYS_RESOURCE alone,
	// and in /proc to everybody, for ten times the price.
	var limit unix.Rlimit
	if pid > 0 && r.source.Proc == "/proc" && unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit) == nil {
		if limit.Cur != math.MaxUint64 {
			f.Limit = r.figure(limit.Cur)
		}
		return f, true
	}
	limits, err := os.ReadFile(filepath.Join(r.source.Proc, strconv.Itoa(pid), "limits"))
	if err != nil {
		return f, false
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
	return f, true
}

// openFDs takes the size of /proc/PID/fd, which is the number of open
// descriptors since kernel 6.2; before, it was always zero.
func (r *reader) openFDs(pid int, before []process) (uint64, bool) {
	var st unix.Stat_t
	p := process{pid: pid, fd: -1}
	known := false
	for i := range before {
		if before[i].pid == pid {
			known, p.fd = true, before[i].fd
			before[i] = process{pid: -1, fd: -1}
			break
		}
	}
	if p.fd >= 0 && unix.Fstat(p.fd, &st) != nil { // that process is gone, and its number given to another
		closeFile(p.fd)
		p.fd = -1
	}
	path := ""
	if p.fd < 0 {
		path = filepath.Join(r.source.Proc, strconv.Itoa(pid), "fd")
		err := error(nil)
		if known && r.keep {
			if p.fd, err = openFolder(path); err == nil {
				err = unix.Fstat(p.fd, &st)
			}
		} else {
			err = unix.Stat(path, &st)
		}
		if err != nil {
			closeFile(p.fd)
			return 0, false
		}
	}
	if r.keep && len(r.procs) < keptFDs {
		r.procs = append(r.procs, p)
	} else {
		closeFile(p.fd)
	}
	if st.Size > 0 && strings.HasPrefix(r.source.Proc, "/proc") {
		return uint64(st.Size), true
	}
	if path == "" {
		path = filepath.Join(r.source.Proc, strconv.Itoa(pid), "fd")
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	return uint64(len(names)), err == nil
}

func (r *reader) closeProcs() {
	for _, p := range r.procs {
		closeFile(p.fd)
	}
	r.procs = r.procs[:0]
}

func readlinkBase(path string) string {
	target, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}
