package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupMount is where the cgroup file systems are.
const cgroupMount = "/sys/fs/cgroup"

// explainCgroup adds what the kernel means where it refuses a new cgroup with an
// error that says something else: mkdir(2) of a cgroup answers EAGAIN where a
// cgroup above it has as many or as deep ones below it as it may, and ENOSPC where
// there are no more numbers for memory cgroups.
func explainCgroup(err error) error {
	var at *fs.PathError
	if !errors.As(err, &at) || at.Op != "mkdir" || !strings.HasPrefix(at.Path, cgroupMount+"/") {
		return err
	}
	switch {
	case errors.Is(at.Err, unix.EAGAIN):
		return fmt.Errorf("%w: %s", err, fullCgroup(cgroupMount, filepath.Dir(at.Path)))
	case errors.Is(at.Err, unix.ENOSPC):
		return fmt.Errorf("%w: the kernel has no more than 65535 memory cgroups, with those that are removed and still hold memory", err)
	}
	return err
}

// fullCgroup says which limit keeps a cgroup from being made in parent. The
// kernel goes up in the same way: cgroup_check_hierarchy_limits() of cgroup.c,
// since Linux 4.14.
func fullCgroup(mount, parent string) string {
	level, gone := 0, 0
	for dir := parent; strings.HasPrefix(dir, mount); dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err != nil {
			gone++ // made on the way, and removed again when the next was refused
		}
		if most, ok := cgroupCount(dir, "cgroup.max.descendants"); ok && most <= descendants(dir)+gone {
			return fmt.Sprintf("cgroup.max.descendants of %s is %d", dir, most)
		}
		if most, ok := cgroupCount(dir, "cgroup.max.depth"); ok && most <= level {
			return fmt.Sprintf("cgroup.max.depth of %s is %d", dir, most)
		}
		level++
	}
	// Somebody made room meanwhile.
	return "cgroup.max.descendants or cgroup.max.depth of a cgroup above it was reached"
}

// cgroupCount reads a limit; there is none where the file has "max".
func cgroupCount(dir, name string) (int, bool) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	return n, err == nil
}

// descendants is how many live cgroups are below one.
func descendants(dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.stat"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "nr_descendants "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(text))
			return n
		}
	}
	return 0
}
