package task

import (
	"sync"

	"github.com/containerd/containerd/v2/core/mount"

	"blackhole/runtime"
)

// container is one, from Create to Delete.
type container struct {
	id, bundle string
	rootfs     string // mounted by the shim; empty without
	options    Options
	runtime    *runtime.Runtime
	images     string // of a checkpoint that Start is to restore
	init       *process
	ownPids    bool // it has a pid namespace of its own
	cgroup     cgroup
	memory     *runtime.KillWatch // nil where memory is not controlled

	mu    sync.Mutex
	execs map[string]*process
	// ended: the first process is gone, so that no other may be started.
	ended   bool
	running sync.WaitGroup // execs
}

// begin counts a process that is about to be started. It tells whether the
// container still has its first.
func (c *container) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.running.Add(1)
	return true
}

// end: from now on, begin fails.
func (c *container) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
}

// unmount may be called twice.
func (c *container) unmount() error {
	if c.rootfs == "" {
		return nil
	}
	return mount.UnmountRecursive(c.rootfs, 0)
}
