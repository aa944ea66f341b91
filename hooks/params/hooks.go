package params

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The hooks, by their names in config.json (OCI runtime specification, "POSIX-
// platform Hooks").
const (
	CreateRuntime = "createRuntime"
	Poststop      = "poststop"
)

// hookTimeout is in seconds. A hook takes milliseconds, but waits for those of
// all containers that start or stop at the same time.
const hookTimeout = 60

// Hooks bring a container's network up once its namespaces are made, and take it
// down when it is deleted. They read nothing but the annotations, so any OCI
// runtime runs them. Program is blackhole's absolute path.
func Hooks(program string) *specs.Hooks {
	hook := func(name string) []specs.Hook {
		timeout := hookTimeout
		return []specs.Hook{{Path: program, Args: []string{"blackhole", "hook", name}, Timeout: &timeout}}
	}
	return &specs.Hooks{CreateRuntime: hook(CreateRuntime), Poststop: hook(Poststop)}
}

// AddHooks gives a container the hooks that its annotations call for: those that
// shape its bandwidth in a network that somebody else made, an engine or CNI. A
// config.json that needs none, or that has them, stays as it is. Annotations
// that cannot be read are an error, before anything is made.
//
// They come after the hooks that are there: one of those may be what makes the
// network. Program finds blackhole's absolute path, where it is needed.
func AddHooks(config *specs.Spec, program func() (string, error)) error {
	p, err := FromAnnotations(config.Annotations)
	if err != nil {
		return err
	}
	if p.Mode != Shaped && p.Mode != Joined || !p.shapes() {
		return nil
	}
	if config.Linux == nil || !slices.ContainsFunc(config.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace }) {
		return fmt.Errorf("cannot shape the bandwidth that its annotations ask for (%s): it is in the host's network", p.asked())
	}
	path, err := program()
	if err != nil {
		return fmt.Errorf("cannot find blackhole, which its annotations need for their network hooks: %w", err)
	}
	ours := Hooks(path)
	hooks := specs.Hooks{}
	if config.Hooks != nil {
		hooks = *config.Hooks
	}
	if !slices.ContainsFunc(hooks.CreateRuntime, isOurs(CreateRuntime)) {
		hooks.CreateRuntime = append(slices.Clone(hooks.CreateRuntime), ours.CreateRuntime...)
	}
	if !slices.ContainsFunc(hooks.Poststop, isOurs(Poststop)) {
		hooks.Poststop = append(slices.Clone(hooks.Poststop), ours.Poststop...)
	}
	config.Hooks = &hooks
	return nil
}

func isOurs(name string) func(specs.Hook) bool {
	return func(h specs.Hook) bool { return slices.Equal(h.Args, []string{"blackhole", "hook", name}) }
}

func (p Params) shapes() bool { return p.IngressRate != 0 || p.EgressRate != 0 }

// asked is the bandwidth for people.
func (p Params) asked() string {
	return fmt.Sprintf("ingress %d, egress %d bytes a second", p.IngressRate, p.EgressRate)
}
