// Command containerd-shim-blackhole-v2 is the containerd shim of runtime type
// io.containerd.blackhole.v2: one process for a container, or for all those of a
// pod, that does by package runtime what other shims run a program for.
//
// It is started by containerd alone: with "start" it starts the shim and prints
// its address, with "delete" it removes what a shim that died has left, with
// -info it tells what the runtime can do.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/containerd/v2/plugins"
	containerd "github.com/containerd/containerd/v2/version"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"

	"blackhole/cmd/containerd-shim-blackhole-v2/task"
	"blackhole/internal/ownthread"
)

// Set by the linker, see the Makefile.
var (
	version = "unknown"
	commit  = ""
)

const name = "io.containerd.blackhole.v2"

func main() {
	// The main goroutine keeps the first thread, in which Go has just started it: what
	// a thread enters that Go is to end, that one would stay in.
	runtime.LockOSThread()
	if f, err := parse(os.Args[1:]); err == nil && f.action == "start" {
		if err := start(f, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "cannot start a shim for container %q: %v\n", f.id, err)
			os.Exit(1)
		}
		return
	}
	// What the library prints for -v.
	containerd.Version, containerd.Revision = version, commit
	registry.Register(&plugin.Registration{
		Type:     plugins.TTRPCPlugin,
		ID:       "task",
		Requires: []plugin.Type{plugins.InternalPlugin},
		InitFn:   newService,
	})
	// Package runtime reaps what it starts. Processes that a container leaves
	// behind are its first process's, or the host's.
	own := func(c *shim.Config) { c.NoReaper, c.NoSubreaper = true, true }
	_ = ownthread.Beside(func() error {
		shim.RunShim(context.Background(), manager{}, own)
		return nil
	})
}

func newService(c *plugin.InitContext) (any, error) {
	stop, err := c.GetByID(plugins.InternalPlugin, "shutdown")
	if err != nil {
		return nil, err
	}
	sd := stop.(shutdown.Service)
	namespace, err := namespaces.NamespaceRequired(c.Context)
	if err != nil {
		return nil, err
	}
	if address := os.Getenv(addressEnv); address != "" {
		sd.RegisterCallback(func(context.Context) error {
			_ = shim.RemoveSocket(address)
			return nil
		})
	}
	// The working directory is a bundle, which goes before the last container
	// of a pod does.
	if err := os.Chdir("/"); err != nil {
		return nil, err
	}
	return task.New(c.Context, namespace, c.Properties[plugins.PropertyTTRPCAddress], sd)
}
