package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Pause freezes all processes of a container with the cgroup freezer. It fails
// with libcontainer.ErrNotRunning for one that is paused already or has
// stopped. It waits for a creation, and for processes that are just being sent in.
func (r *Runtime) Pause(id string) error {
	err := r.pause(id)
	if err != nil {
		return fmt.Errorf("cannot pause container %q: %w", id, err)
	}
	return nil
}

func (r *Runtime) pause(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	for deadline := time.Now().Add(lockPatience); r.locked(id); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errLocked
		}
	}
	unlock := r.lockPause(id, unix.LOCK_EX)
	defer unlock()
	c, err := r.load(id)
	if err != nil {
		return err
	}
	return c.Pause()
}

// Resume thaws a paused container. It fails with libcontainer.ErrNotPaused for
// any other.
func (r *Runtime) Resume(id string) error {
	c, err := r.load(id)
	if err == nil {
		err = c.Resume()
	}
	if err != nil {
		return fmt.Errorf("cannot resume container %q: %w", id, err)
	}
	return nil
}

// pausePatience is how long a pause waits for those that are on their way in. One that
// hangs there must not keep the container from being paused.
const pausePatience = 2 * time.Second

// lockPause takes the lock that keeps a pause (LOCK_EX) apart from those who start a
// container's program or send a process in (LOCK_SH): who is frozen half way keeps
// them waiting until somebody resumes the container. To unlock twice does no harm. It is on the container's folder,
// and goes with its holder. After pausePatience it goes without.
func (r *Runtime) lockPause(id string, how int) (unlock func()) {
	dir, err := os.Open(filepath.Join(r.Root, id))
	if err != nil {
		return func() {} // no such container, as whoever loads it will say
	}
	for deadline := time.Now().Add(pausePatience); ; time.Sleep(time.Millisecond) {
		err := unix.Flock(int(dir.Fd()), how|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			return func() { dir.Close() }
		}
	}
}
