package task

import (
	"context"
	"encoding/json"
	"fmt"

	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs"
	"google.golang.org/protobuf/types/known/emptypb"

	"blackhole/runtime"
)

// Update changes a container's limits in place.
func (s *Service) Update(_ context.Context, r *api.UpdateTaskRequest) (*emptypb.Empty, error) {
	c, err := s.container(r.ID)
	if err != nil {
		return nil, err
	}
	var u runtime.Update
	if err := json.Unmarshal(r.Resources.GetValue(), &u.Resources); err != nil {
		return nil, fmt.Errorf("cannot read the resources for container %q: %w: %w", c.id, err, errdefs.ErrInvalidArgument)
	}
	if err := c.runtime.Update(c.id, u); err != nil {
		return nil, err
	}
	return empty(), nil
}
