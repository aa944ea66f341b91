// Package ahead makes the mount, network and IPC namespace of a container, and
// most of its mounts, before libcontainer starts the container's first process,
// which then joins these namespaces by their paths.
//
// That process is a Go program of its own in which libcontainer makes one mount
// after the other, with some twenty system calls each, while everybody waits for it.
// Here a mount takes three to five, in a thread that runs beside the rest
// of the creation. What
// needs the container's process (procfs shows its PID namespace, cgroupfs its cgroup
// namespace), and all that is rare, is left to libcontainer.
//
// Nothing but mount points in the root file system outlives a failure: namespaces
// that nobody joined go with their last descriptor. Whoever fails here lets
// libcontainer do everything, and its error is the one that is told.
package ahead

import (
	"errors"
	"fmt"
	"os"

	"github.com/opencontainers/cgroups"
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"

	"blackhole/internal/ownthread"
)

// Work is what goes on in another thread, or has.
type Work struct {
	plan *plan
	done chan error // has the result, then is closed; nil before Begin
	// named is closed once the namespaces are there, or will not be.
	named chan struct{}
	// cgroups: MakeCgroups was called.
	cgroups bool
	// applied: Apply had no error.
	applied bool
	// mnt, net and ipc are the new namespaces; nil without one.
	mnt, net, ipc *os.File
}

// Plan looks at a configuration, and returns nil if there is nothing in it that
// can be made ahead. The manager is one of the container's cgroups.
func Plan(config *configs.Config, cgroup cgroups.Manager) *Work {
	p := planFor(config, cgroup)
	if p == nil {
		return nil
	}
	return &Work{plan: p}
}

// Begin makes what is planned, in a thread of its own.
func (w *Work) Begin() {
	if w == nil {
		return
	}
	w.done, w.named = make(chan error, 1), make(chan struct{})
	ownthread.Go(func() {
		defer close(w.done)
		err := w.makeNamespaces()
		close(w.named)
		if err == nil {
			err = w.plan.mount()
		}
		w.plan.settle()
		w.done <- err
	})
}

// MakesNetwork tells whether a network namespace is among what is made.
func (w *Work) MakesNetwork() bool { return w != nil && w.plan.private&unix.CLONE_NEWNET != 0 }

// Network waits for the new network namespace, and returns a path of it, good until
// Close.
func (w *Work) Network() (string, error) {
	<-w.named
	if w.net == nil {
		return "", errors.New("there is no network namespace")
	}
	return path(w.net), nil
}

// path leads other processes to a namespace.
func path(f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()) }

// Apply waits until all is made, and changes config so that libcontainer makes
// only the rest. After an error config is as it was. Close is to be called once
// the container's first process runs.
func (w *Work) Apply(config *configs.Config) error {
	if w == nil {
		return nil
	}
	if err := <-w.done; err != nil {
		w.plan.removePoints()
		return fmt.Errorf("mounts made ahead: %w", err)
	}
	for t, f := range map[configs.NamespaceType]*os.File{configs.NEWNS: w.mnt, configs.NEWNET: w.net, configs.NEWIPC: w.ipc} {
		if f != nil {
			config.Namespaces.Add(t, path(f))
		}
	}
	config.Mounts, config.Devices = w.plan.rest, w.plan.devices
	w.applied = true
	return nil
}

// Wait waits until nothing more is made: what is undone afterwards must not come
// back.
func (w *Work) Wait() {
	if w == nil || w.done == nil {
		return
	}
	if w.plan.made != nil && !w.cgroups {
		w.cgroups = true
		w.plan.made <- cgroupsMade{err: errors.New("abandoned")}
	}
	for range w.done {
		// not asked for, because something else failed
	}
}

// Close lets go of the namespaces, once they are made.
func (w *Work) Close() {
	w.Wait()
	if w == nil {
		return
	}
	for _, f := range []*os.File{w.mnt, w.net, w.ipc} {
		f.Close() // of nil too
	}
}

// Whole is what Apply takes out of a configuration.
type Whole struct {
	Mounts  []*configs.Mount  `json:"mounts"`
	Devices []*devices.Device `json:"devices,omitempty"`
}

// Whole is what the configuration has before Apply; nil if that changes nothing.
func (w *Work) Whole() *Whole {
	if w == nil {
		return nil
	}
	return &Whole{w.plan.all, append(w.plan.devices, w.plan.nodes...)}
}

// Undo gives a configuration that Apply changed, and libcontainer saved, what it
// had, and namespaces that are its own.
func (w *Whole) Undo(config *configs.Config) {
	config.Mounts, config.Devices = w.Mounts, w.Devices
	for i, ns := range config.Namespaces {
		var pid, fd int
		if _, err := fmt.Sscanf(ns.Path, "/proc/%d/fd/%d", &pid, &fd); err == nil {
			config.Namespaces[i].Path = ""
		}
	}
}

var errOtherRoot = errors.New("the root file system is another one from the root of the mount namespace: chroot")

// makeNamespaces runs in a thread that is used for nothing else.
func (w *Work) makeNamespaces() error {
	p := w.plan
	for _, ns := range p.joined {
		if err := join(ns); err != nil {
			return err
		}
	}
	if err := unix.Unshare(p.private); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	// Nothing of what follows may reach the host.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	var before, after unix.Stat_t
	if err := unix.Stat(p.root, &before); err != nil {
		return &os.PathError{Op: "stat", Path: p.root, Err: err}
	}
	var err error
	if w.mnt, err = os.Open("/proc/thread-self/ns/mnt"); err != nil {
		return err
	}
	// What the container's first process will do, and what comes of it: it needs
	// more capabilities than unshare(2), and leaves a chroot.
	if err := unix.Setns(int(w.mnt.Fd()), unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("setns", err)
	}
	if err := unix.Stat(p.root, &after); err != nil || before.Dev != after.Dev || before.Ino != after.Ino {
		return errOtherRoot
	}
	if p.private&unix.CLONE_NEWNET != 0 {
		if w.net, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
	}
	if p.private&unix.CLONE_NEWIPC != 0 {
		if w.ipc, err = os.Open("/proc/thread-self/ns/ipc"); err != nil {
			return err
		}
	}
	return nil
}

func join(ns configs.Namespace) error {
	f, err := os.Open(ns.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), 0); err != nil { // of whatever type it is
		return &os.PathError{Op: "setns", Path: ns.Path, Err: err}
	}
	return nil
}
