package runtime

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const lowFile = "memory.low"

// shareLow lets the memory.low of services count. The kernel protects a cgroup
// only within what its parent is protected by (Documentation/admin-guide/cgroup-v2.rst,
// "memory.low"), and the services' common cgroup has nothing from anyone: a
// service's own memory.low would hold against its siblings alone, as long as
// that cgroup itself had a limit. So the common cgroup gets the sum of theirs, no more:
// with the mount option memory_recursiveprot the rest would go to services
// that asked for none.
//
// paths are a container's cgroups, which may be gone. Nothing is done where
// they are not below the services' common cgroup, or on v1. Whoever made the
// cgroup above that one decides on its protection.
func shareLow(paths map[string]string) error {
	parent := filepath.Dir(paths[""]) // v2 has one hierarchy, without a name
	if filepath.Base(parent) != parentCgroup {
		return nil
	}
	dir, err := os.Open(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed with its last service
	} else if err != nil {
		return err
	}
	defer dir.Close()
	// Else a sum from before another service came may be written after its own.
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return os.NewSyscallError("flock", err)
	}
	have, err := readLow(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no memory controller
	} else if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	var sum int64
	for _, name := range names {
		low, err := readLow(filepath.Join(parent, name))
		if err != nil {
			continue // a file, or a service that has just gone
		}
		sum += min(low, math.MaxInt64-sum)
	}
	if sum == have {
		return nil
	}
	value := strconv.FormatInt(sum, 10)
	if sum == math.MaxInt64 {
		value = "max"
	}
	return os.WriteFile(filepath.Join(parent, lowFile), []byte(value), 0)
}

// readLow is a cgroup's memory.low in bytes; "max" is the highest number.
func readLow(cgroup string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(cgroup, lowFile))
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(data))
	if text == "max" {
		return math.MaxInt64, nil
	}
	return strconv.ParseInt(text, 10, 64)
}
