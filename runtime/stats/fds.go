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
	pid   int
	fd    int     // its /proc/PID/fd, kept open; -1 before it was seen twice, for most that come also go
	limit *uint64 // of that one, when it was last read; nil: none, or not known
}

// readFDs finds, among the processes of a cgroup and the cgroups below it, the
// one nearest to its soft limit of descriptors. A process that ends meanwhile
// does not count. In a brief reading a process that is new does not yet, where
// another one counts and nothing is near its limit: most are gone by the next.
func (r *reader) readFDs(how depth) (*FDs, error) {
	var nearest *FDs
	var known [keptFDs]process
	before := known[:copy(known[:], r.procs)]
	r.brief = how == brief
	r.passNew = r.brief && r.near > 0 && r.keep && len(before) < keptFDs // else not all are known
	r.passed = false
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
		if n <= 0 {
			continue // it is outside our PID namespace
		}
		p, isKnown := recall(n, before)
		if !isKnown && r.passNew && *nearest != nil {
			r.remember(p)
			r.passed = true
			continue
		}
		if f, ok := r.fdsOf(p, isKnown); ok && f.nearer(*nearest) {
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

// recall takes a process out of those that are known.
func recall(pid int, known []process) (process, bool) {
	for i := range known {
		if p := known[i]; p.pid == pid {
			known[i] = process{pid: -1, fd: -1}
			return p, true
		}
	}
	return process{pid: pid, fd: -1}, false
}

// remember keeps a process for the next reading.
func (r *reader) remember(p process) {
	if r.keep && len(r.procs) < keptFDs {
		r.procs = append(r.procs, p)
	} else {
		closeFile(p.fd)
	}
}

func (r *reader) fdsOf(p process, known bool) (f FDs, ok bool) {
	f.PID = p.pid
	reopened := false
	if f.Open, reopened, ok = r.openFDs(&p, known); !ok {
		return f, false
	}
	defer func() { r.remember(p) }()
	// One that may be near its limit may just as well have been given another.
	if r.brief && p.fd >= 0 && !reopened && (p.limit == nil || f.Open < *p.limit/2) {
		f.Limit = p.limit
		return f, true
	}
	f.Limit, ok = r.limitOf(p.pid)
	p.limit = f.Limit
	return f, ok
}

// limitOf is a process's soft limit of descriptors, nil for none.
func (r *reader) limitOf(pid int) (soft *uint64, ok bool) {
	// Of another user's process the limits are told to CAP_SYS_RESOURCE alone,
	// and in /proc to everybody, for ten times the price.
	var limit unix.Rlimit
	if r.source.Proc == "/proc" && unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit) == nil {
		if limit.Cur != math.MaxUint64 {
			soft = &limit.Cur
		}
		return soft, true
	}
	limits, err := os.ReadFile(filepath.Join(r.source.Proc, strconv.Itoa(pid), "limits"))
	if err != nil {
		return nil, false
	}
	// Max open files            1024                 4096                 files
	for line := range lines(limits) {
		if rest, ok := bytes.CutPrefix(line, []byte("Max open files")); ok {
			if fields := bytes.Fields(rest); len(fields) > 0 {
				if n, err := strconv.ParseUint(string(fields[0]), 10, 64); err == nil {
					soft = &n
				}
			}
		}
	}
	return soft, true
}

// openFDs takes the size of /proc/PID/fd, which is the number of open
// descriptors since kernel 6.2; before, it was always zero. That of a process that
// was known stays open; reopened says that it was not, or was another's.
func (r *reader) openFDs(p *process, known bool) (n uint64, reopened, ok bool) {
	var st unix.Stat_t
	if p.fd >= 0 && unix.Fstat(p.fd, &st) != nil { // that process is gone, and its number given to another
		closeFile(p.fd)
		p.fd = -1
	}
	path := ""
	if p.fd < 0 {
		path = filepath.Join(r.source.Proc, strconv.Itoa(p.pid), "fd")
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
			return 0, false, false
		}
		reopened = true
	}
	if st.Size > 0 && strings.HasPrefix(r.source.Proc, "/proc") {
		return uint64(st.Size), reopened, true
	}
	if path == "" {
		path = filepath.Join(r.source.Proc, strconv.Itoa(p.pid), "fd")
	}
	f, err := os.Open(path)
	if err != nil {
		closeFile(p.fd)
		return 0, false, false
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		closeFile(p.fd)
	}
	return uint64(len(names)), reopened, err == nil
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
