package task

import (
	"context"
	"encoding/json"
	"fmt"

	eventtypes "github.com/containerd/containerd/api/events"
	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/emptypb"

	"blackhole/cmd/containerd-shim-blackhole-v2/stdio"
)

// Exec adds a process to a container, for Start to start.
func (s *Service) Exec(_ context.Context, r *api.ExecProcessRequest) (*emptypb.Empty, error) {
	c, err := s.container(r.ID)
	if err != nil {
		return nil, err
	}
	if r.ExecID == "" {
		return nil, fmt.Errorf("an exec without an id: %w", errdefs.ErrInvalidArgument)
	}
	switch status, _, _, _ := c.init.look(); status {
	case task.Status_PAUSED:
		return nil, fmt.Errorf("container %q is paused: %w", c.id, errdefs.ErrFailedPrecondition)
	case task.Status_STOPPED:
		return nil, fmt.Errorf("container %q has ended: %w", c.id, errdefs.ErrFailedPrecondition)
	}
	var spec specs.Process
	if err := json.Unmarshal(r.Spec.GetValue(), &spec); err != nil {
		return nil, fmt.Errorf("cannot read the process of exec %q: %w: %w", r.ExecID, err, errdefs.ErrInvalidArgument)
	}
	spec.Terminal = r.Terminal
	p := newProcess(r.ExecID, stdio.Config{
		Stdin: r.Stdin, Stdout: r.Stdout, Stderr: r.Stderr, Terminal: r.Terminal,
		UID: int(c.options.IoUid), GID: int(c.options.IoGid), ID: r.ExecID, Namespace: s.namespace, Consoles: &s.consoles,
	})
	p.spec = &spec
	if !c.add(p) {
		return nil, fmt.Errorf("exec %q of container %q: %w", r.ExecID, c.id, errdefs.ErrAlreadyExists)
	}
	s.events.send(&eventtypes.TaskExecAdded{ContainerID: c.id, ExecID: r.ExecID})
	return empty(), nil
}

// add fails for an id that is taken.
func (c *container) add(p *process) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.execs[p.id]; taken {
		return false
	}
	c.execs[p.id] = p
	return true
}
