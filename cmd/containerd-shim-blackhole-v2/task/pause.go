package task

import (
	"context"

	eventtypes "github.com/containerd/containerd/api/events"
	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/task"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Pause freezes a container.
func (s *Service) Pause(_ context.Context, r *api.PauseRequest) (*emptypb.Empty, error) {
	c, err := s.container(r.ID)
	if err != nil {
		return nil, err
	}
	c.init.life.Lock()
	defer c.init.life.Unlock()
	if err := c.runtime.Pause(c.id); err != nil {
		return nil, err
	}
	c.init.set(task.Status_PAUSED)
	s.events.send(&eventtypes.TaskPaused{ContainerID: c.id})
	return empty(), nil
}

// Resume thaws a container.
func (s *Service) Resume(_ context.Context, r *api.ResumeRequest) (*emptypb.Empty, error) {
	c, err := s.container(r.ID)
	if err != nil {
		return nil, err
	}
	c.init.life.Lock()
	defer c.init.life.Unlock()
	if err := c.runtime.Resume(c.id); err != nil {
		return nil, err
	}
	c.init.set(task.Status_RUNNING)
	s.events.send(&eventtypes.TaskResumed{ContainerID: c.id})
	return empty(), nil
}
