package task

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	eventtypes "github.com/containerd/containerd/api/events"
	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/types/known/emptypb"

	"blackhole/runtime"
)

// Checkpoint saves a container's processes with criu, and ends them if the
// options ask for that.
func (s *Service) Checkpoint(_ context.Context, r *api.CheckpointTaskRequest) (*emptypb.Empty, error) {
	c, err := s.container(r.ID)
	if err != nil {
		return nil, err
	}
	var o options.CheckpointOptions
	if r.Options != nil {
		if err := typeurl.UnmarshalTo(r.Options, &o); err != nil {
			return nil, fmt.Errorf("cannot read the options of the checkpoint: %w", err)
		}
	}
	work := o.WorkPath
	if work == "" {
		work = filepath.Join(c.bundle, "work", "criu-work")
		defer os.RemoveAll(work)
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, fmt.Errorf("cannot checkpoint container %q: %w", c.id, err)
	}
	c.init.life.Lock()
	defer c.init.life.Unlock()
	err = c.runtime.Checkpoint(c.id, runtime.CriuOptions{
		Images: r.Path, Work: work, Parent: o.ParentPath, StatusFd: -1,
		LeaveRunning: !o.Exit, TCPEstablished: o.OpenTcp, ExtUnixSk: o.ExternalUnixSockets,
		ShellJob: o.Terminal, FileLocks: o.FileLocks, EmptyNs: o.EmptyNamespaces, CgroupsMode: o.CgroupsMode,
	})
	if err != nil {
		return nil, err
	}
	s.events.send(&eventtypes.TaskCheckpointed{ContainerID: c.id, Checkpoint: r.Path})
	return empty(), nil
}

// restore makes the container from its images.
func (c *container) restore(o runtime.CreateOptions) (*runtime.Process, error) {
	work := c.options.CriuWorkPath
	if work == "" {
		work = filepath.Join(c.bundle, "work")
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	return c.runtime.RestoreDetached(o, runtime.CriuOptions{Images: c.images, Work: work, StatusFd: -1})
}
