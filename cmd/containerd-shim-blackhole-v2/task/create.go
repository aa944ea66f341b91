package task

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	eventtypes "github.com/containerd/containerd/api/events"
	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/bundle"
	"blackhole/cmd/containerd-shim-blackhole-v2/stdio"
	"blackhole/internal/cleanup"
	"blackhole/runtime"
)

// Create makes a container whose program waits for Start, or with a checkpoint
// what Start is to restore.
func (s *Service) Create(_ context.Context, r *api.CreateTaskRequest) (*api.CreateTaskResponse, error) {
	if err := s.reserve(r.ID); err != nil {
		return nil, err
	}
	c, err := s.create(r)
	if err != nil {
		s.remove(r.ID)
		return nil, err
	}
	s.put(r.ID, c)
	_, pid, _, _ := c.init.look()
	s.events.send(&eventtypes.TaskCreate{
		ContainerID: r.ID,
		Bundle:      r.Bundle,
		Rootfs:      r.Rootfs,
		IO:          &eventtypes.TaskIO{Stdin: r.Stdin, Stdout: r.Stdout, Stderr: r.Stderr, Terminal: r.Terminal},
		Checkpoint:  r.Checkpoint,
		Pid:         uint32(pid),
	})
	if c.images == "" {
		s.attend(c)
	}
	return &api.CreateTaskResponse{Pid: uint32(pid)}, nil
}

func (s *Service) create(r *api.CreateTaskRequest) (_ *container, err error) {
	// Both become parts of paths.
	if filepath.Base(r.ID) != r.ID || !filepath.IsAbs(r.Bundle) {
		return nil, fmt.Errorf("container %q in bundle %q: %w", r.ID, r.Bundle, errdefs.ErrInvalidArgument)
	}
	options, err := ReadOptions(r.Options)
	if err != nil {
		return nil, err
	}
	if err := options.save(r.Bundle); err != nil {
		return nil, err
	}
	c := &container{
		id: r.ID, bundle: r.Bundle, images: r.Checkpoint,
		options: options, runtime: options.Runtime(s.namespace), execs: map[string]*process{},
	}
	c.runtime.Warn = warn(r.ID)
	c.init = newProcess(r.ID, stdio.Config{
		Stdin: r.Stdin, Stdout: r.Stdout, Stderr: r.Stderr, Terminal: r.Terminal,
		UID: int(options.IoUid), GID: int(options.IoGid), ID: r.ID, Namespace: s.namespace, Consoles: &s.consoles,
	})
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()
	if len(r.Rootfs) > 0 {
		c.rootfs = filepath.Join(r.Bundle, "rootfs")
		undo.Add(c.unmount)
		if err := mountRootfs(c.rootfs, r); err != nil {
			return nil, err
		}
	}
	if c.images == "" {
		if err := c.make(); err != nil {
			return nil, fmt.Errorf("OCI runtime create failed: %w", err)
		}
	}
	undo.Release()
	return c, nil
}

func mountRootfs(rootfs string, r *api.CreateTaskRequest) error {
	if err := os.Mkdir(rootfs, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot make the root file system's folder: %w", err)
	}
	var mounts []mount.Mount
	for _, m := range r.Rootfs {
		mounts = append(mounts, mount.Mount{Type: m.Type, Source: m.Source, Target: m.Target, Options: m.Options})
	}
	if err := mount.All(mounts, rootfs); err != nil {
		return fmt.Errorf("cannot mount the root file system: %w", err)
	}
	return nil
}

// make makes the container, or restores it from its images. The OCI
// configuration is loaded here; what containerd wrote is run unchanged but for
// the network hooks that its annotations ask for.
func (c *container) make() (err error) {
	spec, err := bundle.Load(c.bundle)
	if err != nil {
		return err
	}
	if err := addHooks(spec); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	c.ownPids = ownPids(spec)
	streams, err := stdio.Open(c.init.config)
	if err != nil {
		return err
	}
	o := runtime.CreateOptions{
		ID: c.id, Bundle: c.bundle, Spec: spec, PidFile: filepath.Join(c.bundle, PidFile),
		Stdin: streams.Stdin, Stdout: streams.Stdout, Stderr: streams.Stderr, Terminal: streams.Terminal,
		NoPivot: c.options.NoPivotRoot, NoNewKeyring: c.options.NoNewKeyring,
	}
	var handle *runtime.Process
	if c.images == "" {
		handle, err = c.runtime.Create(o)
	} else {
		handle, err = c.restore(o)
	}
	if err != nil {
		streams.Close()
		return err
	}
	if err := streams.Started(); err != nil {
		_ = handle.Signal(os.Kill)
		_, _ = handle.Wait()
		streams.Close()
		return errors.Join(err, c.runtime.Delete(c.id, true))
	}
	c.init.streams = streams
	c.init.begun(handle)
	c.cgroup = findCgroup(handle.Pid())
	return nil
}

// PidFile is in a container's bundle, as other shims write it.
const PidFile = "init.pid"

// ownPids tells whether the kernel ends a container's other processes with its
// first: where that is the first of a pid namespace (pid_namespaces(7)).
func ownPids(spec *specs.Spec) bool {
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type == specs.PIDNamespace {
			return ns.Path == ""
		}
	}
	return false
}
