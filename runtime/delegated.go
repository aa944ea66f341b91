package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// supervisorCgroup is the leaf for whoever manages containers below a cgroup that
// was delegated to it; systemd's DelegateSubgroup= can name it.
const supervisorCgroup = "supervisor"

// MakeRoom moves this process out of a cgroup v2 folder in which containers are
// going to have theirs, into a leaf of it. With a process in it, a cgroup cannot
// give controllers to those below (Documentation/admin-guide/cgroup-v2.rst, "No
// Internal Process Constraint"). Nothing is done where the process is elsewhere, on
// v1, and in the root of the hierarchy, for which that does not hold.
func MakeRoom(root string) error {
	if _, err := os.Stat(filepath.Join(root, "cgroup.type")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ownCgroup.Lock()
	defer ownCgroup.Unlock()
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		own, v2 := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !v2 || filepath.Join("/sys/fs/cgroup", own) != filepath.Clean(root) {
			continue
		}
		leaf := filepath.Join(root, supervisorCgroup)
		err := os.Mkdir(leaf, 0o755)
		if err == nil || errors.Is(err, fs.ErrExist) {
			err = os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0)
		}
		if err != nil {
			return fmt.Errorf("cannot make room for services in cgroup %s: %w", root, explainCgroup(err))
		}
	}
	return nil
}
