package runtime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
)

// oomSettle is how long after a notification the kills it announces are looked
// for. On v1 the kernel notifies before it kills (mem_cgroup_out_of_memory in
// mm/memcontrol.c); on v2 each change of memory.events comes as an event of
// its own.
const oomSettle = time.Second

// watchKills sends the number of processes newly killed in a container's cgroup
// for want of memory, each once: notifications only tell when to look, for v1
// has them without a kill, and v2 for every change of memory.events. The
// channel is closed when the cgroup is gone (v1) or empty (v2), or when ctx ends.
func watchKills(ctx context.Context, c *libcontainer.Container) (<-chan uint64, error) {
	state, err := c.State()
	if err != nil {
		return nil, err
	}
	file, err := oomFile(state.CgroupPaths)
	if err != nil {
		return nil, err
	}
	seen, err := oomKills(file)
	if err != nil {
		return nil, err
	}
	notified, err := c.NotifyOOM()
	if err != nil {
		return nil, err
	}
	kills := make(chan uint64)
	look := func() {
		now, err := oomKills(file)
		if err != nil || now <= seen {
			return // nothing new, or the cgroup is gone with its count
		}
		select {
		case kills <- now - seen:
			seen = now
		case <-ctx.Done():
		}
	}
	go func() {
		defer close(kills)
		var settled <-chan time.Time // set while there is something to look for
		delay := time.Millisecond
		for {
			select {
			case _, open := <-notified:
				look()
				if !open {
					return
				}
				settled, delay = time.After(oomSettle), time.Millisecond
			case <-settled:
				look()
				settled = nil
			case <-after(settled != nil, delay):
				look()
				delay = min(2*delay, 50*time.Millisecond)
			case <-ctx.Done():
				go func() { // libcontainer stops when somebody listens to its end
					for range notified {
					}
				}()
				return
			}
		}
	}()
	return kills, nil
}

// after is time.After, or a channel that stays silent.
func after(wanted bool, d time.Duration) <-chan time.Time {
	if !wanted {
		return nil
	}
	return time.After(d)
}

// oomFile is the file of a cgroup with a line "oom_kill N": memory.events of v2
// counts the cgroups below as well (kernel 4.19), memory.oom_control of v1 the
// cgroup's own (4.13).
func oomFile(paths map[string]string) (string, error) {
	if path := paths[""]; cgroups.IsCgroup2UnifiedMode() && path != "" {
		return filepath.Join(path, "memory.events"), nil
	}
	if path := paths["memory"]; path != "" {
		return filepath.Join(path, "memory.oom_control"), nil
	}
	return "", errors.New("it has no cgroup of the memory controller")
}

func oomKills(file string) (uint64, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return strconv.ParseUint(count, 10, 64)
		}
	}
	return 0, errors.New(file + " does not count oom_kill")
}
