package stats

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// readFDs finds, among the processes of a cgroup and the cgroups below it, the
// one nearest to its soft limit of descriptors. A process that ends meanwhile
// does not count.
func readFDs(proc, cgroup string) (*FDs, error) {
	if cgroup == "" {
		return nil, nil
	}
	var nearest *FDs
	err := filepath.WalkDir(cgroup, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return nil //nolint:nilerr // a cgroup that is gone has no processes
		}
		d := &folder{path: path}
		for pid := range lines(d.read("cgroup.procs")) {
			if f := fdsOf(filepath.Join(proc, pid)); f != nil && f.nearer(nearest) {
				f.PID, _ = strconv.Atoi(pid)
				nearest = f
			}
		}
		return d.err
	})
	return nearest, err
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

func fdsOf(dir string) *FDs {
	open, ok := countFDs(filepath.Join(dir, "fd"))
	if !ok {
		return nil
	}
	f := &FDs{Open: open}
	limits, err := os.ReadFile(filepath.Join(dir, "limits"))
	if err != nil {
		return nil
	}
	// Max open files            1024                 4096                 files
	for line := range lines(limits) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
					f.Limit = &n
				}
			}
		}
	}
	return f
}

// countFDs takes the size of /proc/PID/fd, which is the number of open
// descriptors since kernel 6.2; before, it was always zero.
func countFDs(dir string) (uint64, bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, false
	}
	if n := info.Size(); n > 0 && strings.HasPrefix(dir, "/proc/") {
		return uint64(n), true
	}
	f, err := os.Open(dir)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	return uint64(len(names)), err == nil
}
