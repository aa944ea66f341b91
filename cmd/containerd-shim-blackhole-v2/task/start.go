package task

import (
	"context"
	"fmt"

	eventtypes "github.com/containerd/containerd/api/events"
	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs"

	"blackhole/cmd/containerd-shim-blackhole-v2/stdio"
	"blackhole/runtime"
)

// Start lets a container's program run, or a process that Exec added.
func (s *Service) Start(_ context.Context, r *api.StartRequest) (*api.StartResponse, error) {
	c, p, err := s.process(r.ID, r.ExecID)
	if err != nil {
		return nil, err
	}
	p.life.Lock()
	defer p.life.Unlock()
	if status, _, _, _ := p.look(); status != task.Status_CREATED || p.deleted {
		return nil, fmt.Errorf("process %q of container %q was started already: %w", p.id, c.id, errdefs.ErrFailedPrecondition)
	}
	if p == c.init {
		err = s.startInit(c)
	} else {
		err = s.startExec(c, p)
	}
	if err != nil {
		return nil, err
	}
	_, pid, _, _ := p.look()
	return &api.StartResponse{Pid: uint32(pid)}, nil
}

func (s *Service) startInit(c *container) error {
	restored := c.images != ""
	if restored {
		if err := c.make(); err != nil {
			return fmt.Errorf("OCI runtime restore failed: %w", err)
		}
	} else if err := c.runtime.Start(c.id, ""); err != nil {
		return fmt.Errorf("OCI runtime start failed: %w", err)
	}
	c.init.set(task.Status_RUNNING)
	_, pid, _, _ := c.init.look()
	s.events.send(&eventtypes.TaskStart{ContainerID: c.id, Pid: uint32(pid)})
	if restored {
		s.attend(c)
	}
	return nil
}

func (s *Service) startExec(c *container, p *process) error {
	if !c.begin() {
		return fmt.Errorf("container %q has ended: %w", c.id, errdefs.ErrFailedPrecondition)
	}
	handle, err := c.exec(p)
	if err != nil {
		c.running.Done()
		return fmt.Errorf("OCI runtime exec failed: %w", err)
	}
	p.begun(handle)
	p.set(task.Status_RUNNING)
	s.events.send(&eventtypes.TaskExecStarted{ContainerID: c.id, ExecID: p.id, Pid: uint32(handle.Pid())})
	go s.awaitExec(c, p)
	return nil
}

func (c *container) exec(p *process) (*runtime.Process, error) {
	streams, err := stdio.Open(p.config)
	if err != nil {
		return nil, err
	}
	handle, err := c.runtime.ExecDetached(runtime.ExecOptions{
		ID: c.id, Process: p.spec,
		Stdin: streams.Stdin, Stdout: streams.Stdout, Stderr: streams.Stderr, Terminal: streams.Terminal,
	})
	if err != nil {
		streams.Close()
		return nil, err
	}
	if err := streams.Started(); err != nil {
		_ = handle.Signal(killSignal)
		_, _ = handle.Wait()
		streams.Close()
		return nil, err
	}
	p.streams = streams
	return handle, nil
}
