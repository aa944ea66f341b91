package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	bootstrap "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/log"
	"github.com/containerd/typeurl/v2"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"blackhole/cmd/containerd-shim-blackhole-v2/task"
	"blackhole/runtime"
)

// manager is what containerd's library asks for beside the service.
type manager struct{}

func (manager) Name() string { return name }

// Start is never called: main answers containerds that the library does not.
func (manager) Start(context.Context, *bootstrap.BootstrapParams) (*bootstrap.BootstrapResult, error) {
	return nil, errors.New("start is handled elsewhere")
}

// Stop removes what is left of a container whose shim has died, and tells how
// the container ended.
func (manager) Stop(ctx context.Context, id string) (status shim.StopStatus, err error) {
	bundle, err := bundleOf(ctx, id)
	if err != nil {
		return status, err
	}
	namespace, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return status, err
	}
	options, err := task.LoadOptions(bundle)
	if err != nil {
		return status, err
	}
	status.Pid = readPid(bundle)
	rt := options.Runtime(namespace)
	rt.Warn = func(err error) { log.G(ctx).Warn(err) }
	// All of it is tried whatever fails.
	err = errors.Join(
		rt.Delete(id, true),
		mount.UnmountRecursive(filepath.Join(bundle, "rootfs"), 0),
		removeSocket(bundle),
	)
	if err != nil {
		return status, err
	}
	status.ExitStatus, status.ExitedAt = 128+int(unix.SIGKILL), time.Now()
	if exit, known, err := task.LoadExit(bundle); err != nil {
		log.G(ctx).WithError(err).Warn("cannot tell how the container ended")
	} else if known {
		status.ExitStatus, status.ExitedAt = int(exit.Code), exit.At
	}
	return status, nil
}

// bundleOf finds a container's bundle: containerd names it, or runs this program
// in it or beside it.
func bundleOf(ctx context.Context, id string) (string, error) {
	if filepath.Base(id) != id || id == "." || id == ".." {
		return "", fmt.Errorf("container id %q is not a name", id)
	}
	if o, ok := ctx.Value(shim.OptsKey{}).(shim.Opts); ok && o.BundlePath != "" {
		return filepath.Abs(o.BundlePath)
	}
	dir, err := os.Getwd()
	return filepath.Join(filepath.Dir(dir), id), err
}

func readPid(bundle string) int {
	data, err := os.ReadFile(filepath.Join(bundle, task.PidFile))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

// removeSocket removes a shim's socket if nobody answers there any more.
func removeSocket(bundle string) error {
	address, err := shimAddress(bundle)
	if err != nil || address == "" || shim.CanConnect(address) {
		return err
	}
	if err := shim.RemoveSocket(address); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// shimAddress is what start has written, empty if it came not so far.
func shimAddress(bundle string) (string, error) {
	address, err := shim.ReadAddress(filepath.Join(bundle, addressFile))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, shim.ErrNoAddress) {
		return "", nil
	}
	return address, err
}

// Info tells what the runtime can do, and the options as it understood them.
func (manager) Info(_ context.Context, in io.Reader) (*types.RuntimeInfo, error) {
	info := &types.RuntimeInfo{Name: name, Version: &types.RuntimeVersion{Version: version, Revision: commit}}
	input, err := io.ReadAll(io.LimitReader(in, askedMost))
	if err != nil {
		return nil, fmt.Errorf("cannot read the runtime's options: %w", err)
	}
	if len(input) > 0 {
		var message anypb.Any
		if err := proto.Unmarshal(input, &message); err != nil {
			return nil, fmt.Errorf("cannot read the runtime's options: %w", err)
		}
		if _, err := task.ReadOptions(&message); err != nil {
			return nil, err
		}
		info.Options = &message
	}
	f := runtime.Features()
	f.Annotations["io.blackhole.version"] = version
	if commit != "" {
		f.Annotations["io.blackhole.commit"] = commit
	}
	info.Features, err = typeurl.MarshalAnyToProto(f)
	return info, err
}
