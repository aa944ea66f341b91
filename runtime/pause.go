package runtime

import "fmt"

// Pause freezes all processes of a container with the cgroup freezer. It fails
// with libcontainer.ErrNotRunning for one that is paused already or has
// stopped.
func (r *Runtime) Pause(id string) error {
	c, err := r.load(id)
	if err == nil {
		err = c.Pause()
	}
	if err != nil {
		return fmt.Errorf("cannot pause container %q: %w", id, err)
	}
	return nil
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
