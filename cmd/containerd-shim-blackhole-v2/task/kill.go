package task

import (
	"context"
	"errors"
	"fmt"
	"os"

	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/emptypb"

	"blackhole/runtime"
)

// Kill sends a signal to a container's first process, or to an exec. SIGKILL to
// the first ends all the others too, with or without All.
func (s *Service) Kill(_ context.Context, r *api.KillRequest) (*emptypb.Empty, error) {
	c, p, err := s.process(r.ID, r.ExecID)
	if err != nil {
		return nil, err
	}
	status, pid, _, _ := p.look()
	switch {
	case status == task.Status_STOPPED:
		return nil, alreadyFinished()
	case pid == 0:
		return nil, fmt.Errorf("process %q of container %q was not started: %w", p.id, c.id, errdefs.ErrFailedPrecondition)
	}
	signal := unix.Signal(r.Signal)
	if p == c.init {
		err = c.runtime.Kill(c.id, signal)
	} else {
		err = p.handle.Signal(signal)
	}
	if err == nil {
		return empty(), nil
	}
	if runtime.NotRunning(err) || errors.Is(err, os.ErrProcessDone) || errors.Is(err, unix.ESRCH) {
		return nil, alreadyFinished()
	}
	return nil, err
}

// alreadyFinished is told in the words that clients look for.
func alreadyFinished() error {
	return fmt.Errorf("process already finished: %w", errdefs.ErrNotFound)
}
