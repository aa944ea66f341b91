package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
)

// oomSettle is how long after a notification the kills it announces are looked
// for. On v1 the kernel notifies before it kills (mem_cgroup_out_of_memory in
// mm/memcontrol.c); on v2 each change of memory.events comes as an event of
// its own.
const oomSettle = time.Second

// KillWatch tells of the processes newly killed in a container's cgroup for
// want of memory, each once: notifications only say when to look, for v1 has
// them without a kill, and v2 for every change of memory.events.
type KillWatch struct {
	file string // with the count
	tell func(n uint64)
	mu   sync.Mutex
	seen uint64

	notified <-chan struct{}
	stop     chan struct{}
	stopOnce sync.Once
	ended    chan struct{}
}

// WatchKills tells the number of processes killed from now on, by one call of
// tell at a time, until the container's cgroup is gone (v1) or empty (v2).
func (r *Runtime) WatchKills(id string, tell func(n uint64)) (*KillWatch, error) {
	c, err := r.load(id)
	if err == nil {
		var w *KillWatch
		if w, err = watchKills(c, tell); err == nil {
			return w, nil
		}
	}
	return nil, fmt.Errorf("cannot watch the memory of container %q: %w", id, err)
}

func watchKills(c *libcontainer.Container, tell func(n uint64)) (*KillWatch, error) {
	state, err := c.State()
	if err != nil {
		return nil, err
	}
	w := &KillWatch{tell: tell, stop: make(chan struct{}), ended: make(chan struct{})}
	if w.file, err = oomFile(state.CgroupPaths); err != nil {
		return nil, err
	}
	if w.seen, err = oomKills(w.file); err != nil {
		return nil, err
	}
	if w.notified, err = c.NotifyOOM(); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// Look tells what has not been told yet. A caller that learned of the
// container's end by other means loses no kill that way.
func (w *KillWatch) Look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, err := oomKills(w.file)
	if err != nil || now <= w.seen {
		return // nothing new, or the cgroup is gone with its count
	}
	n := now - w.seen
	w.seen = now
	w.tell(n)
}

// Close ends the watch. It may be called twice.
func (w *KillWatch) Close() { w.stopOnce.Do(func() { close(w.stop) }) }

func (w *KillWatch) run() {
	defer close(w.ended)
	var settled <-chan time.Time // set while there is something to look for
	delay := time.Millisecond
	for {
		select {
		case _, open := <-w.notified:
			w.Look()
			if !open {
				return
			}
			settled, delay = time.After(oomSettle), time.Millisecond
		case <-settled:
			w.Look()
			settled = nil
		case <-after(settled != nil, delay):
			w.Look()
			delay = min(2*delay, 50*time.Millisecond)
		case <-w.stop:
			go func() { // libcontainer stops when somebody listens to its end
				for range w.notified {
				}
			}()
			return
		}
	}
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
