package runtime

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/utils"
	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/runtime/ahead"
)

// Network does what hooks of this program's own would do, in this process: the same
// at the same time, without starting the program once more for each.
type Network interface {
	// Own tells whether that is what a hook does.
	Own(hook specs.Hook, kind string) bool
	// UpAhead brings up the network of a container in a namespace that is there
	// before its first process is: state has this process's pid.
	UpAhead(state specs.State, namespace string) error
	// Adopt: this is the first process.
	Adopt(id string, pid int) error
	// Down takes it down; without one it does nothing.
	Down(id string) error
}

// networkTime is what a bundle's own hooks have, see hooks/params: they take
// milliseconds, but wait for each other.
const networkTime = 60 * time.Second

// inTime gives up on what takes longer than a hook may. What it did until then is
// found by gc.
func inTime(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(networkTime):
		return fmt.Errorf("its network is not done after %s", networkTime)
	}
}

// network is one that is being brought up beside the rest of a creation; nil where
// hooks do it.
type network struct {
	Network
	id   string
	done chan error
}

// beginNetwork brings up the network of a container whose namespace is made ahead,
// if the one hook that makes the network is our own.
func (r *Runtime) beginNetwork(id string, hooks *specs.Hooks, config *configs.Config, work *ahead.Work) *network {
	if r.Network == nil || hooks == nil || !work.MakesNetwork() || len(hooks.CreateRuntime) != 1 ||
		len(hooks.Prestart) > 0 || //nolint:staticcheck // deprecated, and in use
		!r.Network.Own(hooks.CreateRuntime[0], string(configs.CreateRuntime)) {
		return nil
	}
	n := &network{Network: r.Network, id: id, done: make(chan error, 1)}
	state := specs.State{Version: specs.Version, ID: id, Status: specs.StateCreating, Pid: os.Getpid()}
	state.Bundle, state.Annotations = utils.Annotations(config.Labels)
	go func() {
		path, err := work.Network()
		if err == nil {
			err = inTime(func() error { return n.UpAhead(state, path) })
		}
		n.done <- err
	}()
	return n
}

// takeOver takes the hook out of the configuration, and waits for the network where
// somebody looks at it before the program: settings of its interfaces, hooks.
func (n *network) takeOver(config *configs.Config) error {
	if n == nil {
		return nil
	}
	delete(config.Hooks, configs.CreateRuntime)
	for name := range config.Sysctl {
		if strings.HasPrefix(name, "net.") {
			return n.wait()
		}
	}
	if config.HasHook(configs.CreateContainer, configs.StartContainer) {
		return n.wait()
	}
	return nil
}

// wait waits until the network is there.
func (n *network) wait() error {
	err := <-n.done
	n.done <- err // for whoever asks again
	return err
}

// adopt: the container's first process is there. Its program is not to run before
// the network is.
func (n *network) adopt(pid int) error {
	if n == nil {
		return nil
	}
	if err := n.wait(); err != nil {
		return err
	}
	return inTime(func() error { return n.Adopt(n.id, pid) })
}

// undo waits, and takes it down.
func (n *network) undo() error {
	if n == nil {
		return nil
	}
	if n.wait() != nil {
		return nil // who brings one up leaves nothing when that fails
	}
	return inTime(func() error { return n.Down(n.id) })
}

// poststopHere runs a poststop hook in this process if it is our own.
func (r *Runtime) poststopHere(id string, c *configs.Command) (mine bool, err error) {
	if r.Network == nil || len(c.Env) > 0 {
		return false, nil
	}
	hook := specs.Hook{Path: c.Path, Args: c.Args}
	if !r.Network.Own(hook, string(configs.Poststop)) {
		return false, nil
	}
	return true, inTime(func() error { return r.Network.Down(id) })
}
