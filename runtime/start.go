package runtime

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// Start lets a created container's program run. With notifySocket, the socket
// of a service manager, it returns once the container has said READY=1 or
// ended; the container must have been created with one too. A container whose
// poststart hook fails is ended and removed.
func (r *Runtime) Start(id, notifySocket string) error {
	if err := r.start(id, notifySocket); err != nil {
		return fmt.Errorf("cannot start container %q: %w", id, err)
	}
	return nil
}

func (r *Runtime) start(id, notifySocket string) error {
	if err := checkID(id); err != nil {
		return err
	}
	unlock := r.lockPause(id, unix.LOCK_SH)
	defer unlock()
	c, err := r.load(id)
	if err != nil {
		return err
	}
	if err := waits(c); err != nil {
		return err
	}
	notify := newNotifySocket(r.Root, id, notifySocket)
	if err := notify.listen(); err != nil {
		return err
	}
	defer notify.close()
	rec, err := r.peekRecord(id)
	if err != nil {
		return err
	}
	state, err := c.State()
	if err != nil {
		return err
	}
	if err := c.Exec(); err != nil {
		return err
	}
	unlock()
	if err := rec.poststart(id, state.InitProcessPid); err != nil {
		return errors.Join(err, r.delete(id, true))
	}
	return notify.relay(state.InitProcessPid, state.InitProcessPid)
}

// waits: the program has not begun.
func waits(c *libcontainer.Container) error {
	status, err := c.Status()
	switch {
	case err != nil:
		return err
	case status == libcontainer.Created:
		return nil
	case status == libcontainer.Stopped:
		return errors.New("container has stopped")
	case status == libcontainer.Running:
		return errors.New("container is already running")
	default:
		return fmt.Errorf("container is %s", status)
	}
}

// StartCreated is Start for the process that created the container, which knows what
// Start has to read. What fails is left to the caller to remove.
func (r *Runtime) StartCreated(p *Process) error {
	unlock := r.lockPause(p.container.ID(), unix.LOCK_SH)
	defer unlock()
	err := waits(p.container)
	if err == nil {
		err = p.letRun(unlock)
	}
	if err != nil {
		return fmt.Errorf("cannot start container %q: %w", p.container.ID(), err)
	}
	return nil
}

// letRun starts the program, lets go of the lock of lockPause, and runs the poststart
// hooks.
func (p *Process) letRun(unlock func()) error {
	err := p.container.Exec()
	unlock()
	if err != nil {
		return err
	}
	return p.record.poststart(p.container.ID(), p.pid)
}
