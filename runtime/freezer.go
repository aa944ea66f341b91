package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/cgroups"
)

// freezePatience is how long the freezer of a container may be half way.
// Freezing takes a few milliseconds, more on a host that is short of processors.
const freezePatience = time.Second

// endFreezing takes back a pause that was killed half way. On cgroup v1 a cgroup
// stays FREEZING as long as a process in it cannot be frozen: for good when that
// is an execve(2) that waits for a frozen thread of its own. Pause therefore
// tries again and again; once it is gone, whoever asked for the container's
// state would wait for ever. One that is still trying will not notice.
func endFreezing(dir string) error {
	file := filepath.Join(dir, "freezer.state")
	for deadline := time.Now().Add(freezePatience); ; time.Sleep(time.Millisecond) {
		state, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(state)) != "FREEZING" {
			return nil //nolint:nilerr // a freezer that is gone freezes nothing
		}
		if time.Now().After(deadline) {
			return os.WriteFile(file, []byte(cgroups.Thawed), 0)
		}
	}
}

// expectFreezing makes sure that whoever loads this container and asks for its
// state does not wait for ever: already loading does. The freezer is looked for in the
// record, which can be read without, and only once it takes long.
func (r *Runtime) expectFreezing(id string) {
	if cgroups.IsCgroup2UnifiedMode() { // the kernel leaves nothing half way there
		return
	}
	time.AfterFunc(freezePatience/4, func() {
		rec, err := r.peekRecord(id)
		if err != nil || rec.CgroupPaths["freezer"] == "" || checkCgroups(rec.Cgroup, rec.CgroupPaths) != nil {
			return
		}
		if err := endFreezing(rec.CgroupPaths["freezer"]); err != nil {
			r.warn(fmt.Errorf("cannot end a pause of %s that was cut off: %w", id, err))
		}
	})
}
