package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/containerd/typeurl/v2"
)

// cgroup reads a container's statistics as containerd's type for the host's
// cgroup version; nil where there is none.
type cgroup func() (any, error)

// findCgroup finds the cgroup of a process, which still can be read when the
// process is gone.
func findCgroup(pid int) cgroup {
	var err error
	if cgroups.Mode() == cgroups.Unified {
		var path string
		if path, err = cgroup2.PidGroupPath(pid); err == nil {
			var m *cgroup2.Manager
			if m, err = cgroup2.Load(path); err == nil {
				return func() (any, error) { return m.Stat() }
			}
		}
	} else {
		var cg cgroup1.Cgroup
		if cg, err = cgroup1.Load(cgroup1.PidPath(pid)); err == nil {
			return func() (any, error) { return cg.Stat(cgroup1.IgnoreNotExist) }
		}
	}
	log.L.WithError(err).Warnf("cannot find the cgroup of process %d", pid)
	return nil
}

// Stats tells what a container uses: containerd's Metrics of cgroup v1 or v2,
// with pressure where the kernel has it (v2), and its network's counters.
func (s *Service) Stats(_ context.Context, r *api.StatsRequest) (*api.StatsResponse, error) {
	c, err := s.container(r.ID)
	if err != nil {
		return nil, err
	}
	if c.cgroup == nil {
		return nil, fmt.Errorf("container %q has no cgroup: %w", c.id, errdefs.ErrNotFound)
	}
	metrics, err := c.cgroup()
	if err != nil {
		return nil, fmt.Errorf("cannot read the cgroup of container %q: %w", c.id, err)
	}
	_, pid, _, _ := c.init.look()
	if err := addNetwork(metrics, pid); err != nil && !errors.Is(err, errGone) {
		return nil, fmt.Errorf("cannot read the network of container %q: %w", c.id, err)
	}
	body, err := typeurl.MarshalAnyToProto(metrics)
	if err != nil {
		return nil, err
	}
	return &api.StatsResponse{Stats: body}, nil
}
