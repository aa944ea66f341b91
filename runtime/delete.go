package runtime

import (
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// Delete removes a container that has stopped or was never started. With force
// it kills a running or paused one first, and a container that does not exist
// is no error. What a killed Create or Delete left is removed as well.
//
// It fails with libcontainer.ErrNotExist for an id that is unknown, or was
// only half created and is now gone.
func (r *Runtime) Delete(id string, force bool) error {
	if err := r.delete(id, force); err != nil {
		return fmt.Errorf("cannot delete container %q: %w", id, err)
	}
	return nil
}

func (r *Runtime) delete(id string, force bool) error {
	if err := checkID(id); err != nil {
		return err
	}
	rec, err := r.openRecord(id)
	if err != nil {
		return err
	}
	defer rec.unlock()
	c, err := r.loadSettled(id)
	if err != nil {
		if !errors.Is(err, libcontainer.ErrNotExist) && !force {
			return err
		}
		// A state.json that cannot be read is a leftover like none at all, to
		// those who insist.
		if _, lerr := r.removeLeftover(id, rec); lerr != nil {
			return lerr
		}
		if force {
			return nil
		}
		return err
	}
	if !force {
		status, err := c.Status()
		if err != nil {
			return err
		}
		switch status {
		case libcontainer.Stopped:
			return r.destroy(c, rec, nil, false)
		case libcontainer.Created:
			force = true // its program never ran
		default:
			return fmt.Errorf("container is %s; stop it first, or use --force", status)
		}
	}
	// Also for a stopped one: in a shared pid namespace its processes outlive
	// the first.
	if err := kill(c); err != nil {
		return err
	}
	return r.destroy(c, rec, nil, force)
}

// kill ends a container's first process and waits until it is gone.
func kill(c *libcontainer.Container) error {
	err := c.Signal(unix.SIGKILL)
	for deadline, delay := time.Now().Add(killPatience), 500*time.Microsecond; ; delay = min(2*delay, 50*time.Millisecond) {
		if c.Signal(unix.Signal(0)) != nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%w %s after SIGKILL", libcontainer.ErrRunning, killPatience), err)
		}
		time.Sleep(delay)
	}
}
