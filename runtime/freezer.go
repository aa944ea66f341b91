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

// settle makes sure that the state of a container with these cgroups can be asked for.
func settle(paths map[string]string) error {
	if cgroups.IsCgroup2UnifiedMode() || paths["freezer"] == "" {
		return nil
	}
	if err := endFreezing(paths["freezer"]); err != nil {
		return fmt.Errorf("cannot end a pause that was cut off: %w", err)
	}
	return nil
}
