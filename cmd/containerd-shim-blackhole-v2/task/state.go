package task

import (
	"context"
	"fmt"
	"os"

	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/api/types/task"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// State tells what is known of a process.
func (s *Service) State(_ context.Context, r *api.StateRequest) (*api.StateResponse, error) {
	c, p, err := s.process(r.ID, r.ExecID)
	if err != nil {
		return nil, err
	}
	status, pid, code, exited := p.look()
	answer := &api.StateResponse{
		ID: p.id, Bundle: c.bundle, Pid: uint32(pid), Status: status,
		Stdin: p.config.Stdin, Stdout: p.config.Stdout, Stderr: p.config.Stderr, Terminal: p.config.Terminal,
		ExitStatus: code,
	}
	if !exited.IsZero() {
		answer.ExitedAt = timestamppb.New(exited)
	}
	return answer, nil
}

// Wait returns when a process has ended.
func (s *Service) Wait(ctx context.Context, r *api.WaitRequest) (*api.WaitResponse, error) {
	_, p, err := s.process(r.ID, r.ExecID)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	_, _, code, exited := p.look()
	return &api.WaitResponse{ExitStatus: code, ExitedAt: timestamppb.New(exited)}, nil
}

// Pids lists a container's processes, with the ids of those that Exec added.
func (s *Service) Pids(_ context.Context, r *api.PidsRequest) (*api.PidsResponse, error) {
	c, err := s.container(r.ID)
	if err != nil {
		return nil, err
	}
	pids, err := c.runtime.Processes(c.id)
	if err != nil {
		return nil, err
	}
	execs := c.execPids()
	answer := &api.PidsResponse{}
	for _, pid := range pids {
		info := &task.ProcessInfo{Pid: uint32(pid)}
		if id, ok := execs[pid]; ok {
			if info.Info, err = typeurl.MarshalAnyToProto(&options.ProcessDetails{ExecID: id}); err != nil {
				return nil, fmt.Errorf("cannot describe process %d: %w", pid, err)
			}
		}
		answer.Processes = append(answer.Processes, info)
	}
	return answer, nil
}

func (c *container) execPids() map[int]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	pids := map[int]string{}
	for id, p := range c.execs {
		if status, pid, _, _ := p.look(); status == task.Status_RUNNING {
			pids[pid] = id
		}
	}
	return pids
}

// Connect tells the shim's process, and a container's.
func (s *Service) Connect(_ context.Context, r *api.ConnectRequest) (*api.ConnectResponse, error) {
	answer := &api.ConnectResponse{ShimPid: uint32(os.Getpid())}
	if c, err := s.container(r.ID); err == nil {
		_, pid, _, _ := c.init.look()
		answer.TaskPid = uint32(pid)
	}
	return answer, nil
}

// CloseIO lets a process see the end of its input.
func (s *Service) CloseIO(_ context.Context, r *api.CloseIORequest) (*emptypb.Empty, error) {
	_, p, err := s.process(r.ID, r.ExecID)
	if err != nil {
		return nil, err
	}
	p.life.Lock()
	defer p.life.Unlock()
	if r.Stdin && p.streams != nil {
		p.streams.CloseStdin()
	}
	return empty(), nil
}

// ResizePty gives a process's terminal a size.
func (s *Service) ResizePty(_ context.Context, r *api.ResizePtyRequest) (*emptypb.Empty, error) {
	c, p, err := s.process(r.ID, r.ExecID)
	if err != nil {
		return nil, err
	}
	p.life.Lock()
	defer p.life.Unlock()
	if p.streams == nil {
		return empty(), nil
	}
	if err := p.streams.Resize(uint16(r.Width), uint16(r.Height)); err != nil {
		return nil, fmt.Errorf("cannot resize the terminal of process %q of container %q: %w", p.id, c.id, err)
	}
	return empty(), nil
}

// Shutdown ends the shim once it has no containers.
func (s *Service) Shutdown(context.Context, *api.ShutdownRequest) (*emptypb.Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.containers) == 0 {
		s.shutdown.Shutdown()
	}
	return empty(), nil
}
