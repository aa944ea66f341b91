package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// killPatience is how long a killed process may take to be gone: it may sit in
// an uninterruptible system call.
const killPatience = 10 * time.Second

// destroy removes a container whose first process is dead: its cgroups, its
// folder, what its poststop hooks remove, and its record. With force it kills
// what still lives in its cgroups. It may be called again after a failure.
// The record is nil for a container of another runtime's; libcontainer then
// knows its hooks. The lock is the caller's own on the state folder, or nil.
func (r *Runtime) destroy(c *libcontainer.Container, rec *record, lock *rootLock, force bool) error {
	if rec != nil {
		if err := rec.markDestroying(); err != nil {
			return err
		}
	}
	err := c.Destroy()
	if err != nil && force {
		// Processes that someone else put into the cgroup, or into one below
		// it, die of nothing but this.
		state, serr := c.State()
		if serr == nil {
			serr = killCgroups(state.CgroupPaths, nil)
		}
		err = errors.Join(c.Destroy(), serr)
	}
	if err != nil || rec == nil {
		return err
	}
	return r.finish(c.ID(), rec, lock)
}

// finish does what follows once cgroups and folder are gone.
func (r *Runtime) finish(id string, rec *record, lock *rootLock) error {
	r.removeCgroupParents(rec, lock)
	if err := shareLow(rec.CgroupPaths); err != nil {
		r.warn(fmt.Errorf("cannot adapt the memory protection of the cgroup that container %q was in: %w", id, err))
	}
	r.poststop(id, rec)
	return rec.remove()
}

// poststop runs the hooks. By the runtime specification ("Lifecycle", step 13)
// a failing one is a warning and the others run all the same.
func (r *Runtime) poststop(id string, rec *record) {
	state := &specs.State{
		Version:     specs.Version,
		ID:          id,
		Status:      specs.StateStopped,
		Bundle:      rec.Bundle,
		Annotations: rec.Annotations,
	}
	for i, hook := range rec.Poststop {
		mine, err := r.poststopHere(id, hook)
		if !mine {
			setEnvironment(hook)
			err = hook.Run(state)
		}
		if err != nil {
			r.warn(fmt.Errorf("cannot run poststop hook #%d %s of container %q: %w", i, hook.Path, id, err))
		}
	}
}

// killCgroups kills all that lives in the cgroups or below them until nothing
// does, and all that more returns; it gives up after killPatience.
func killCgroups(paths map[string]string, more func() []int) error {
	for deadline, delay := time.Now().Add(killPatience), time.Millisecond; ; delay = min(2*delay, 50*time.Millisecond) {
		var pids []int
		if more != nil {
			pids = more()
		}
		for _, path := range paths {
			// Mostly a path that is gone, which means nothing lives there.
			below, _ := cgroups.GetAllPids(path)
			pids = append(pids, below...)
		}
		slices.Sort(pids)
		pids = slices.Compact(pids)
		if len(pids) == 0 {
			return nil
		}
		if slices.Contains(pids, os.Getpid()) { // who deletes would die halfway
			return errors.New("this process is in the container's cgroup; leave it first")
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v do not die", pids)
		}
		for _, pid := range pids {
			if pid > 1 { // 0 is a process that lives in a pid namespace outside ours
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		thaw(paths)
		time.Sleep(delay)
	}
}

// thaw lets the processes of frozen cgroups die: on v1 a signal is held back
// until then. On v2 (kernel 5.2) SIGKILL is not.
func thaw(paths map[string]string) {
	if path, ok := paths["freezer"]; ok {
		_ = os.WriteFile(filepath.Join(path, "freezer.state"), []byte("THAWED"), 0)
	}
}
