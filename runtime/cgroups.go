package runtime

import "fmt"

// Cgroups are the folders of a container's cgroups by controller, the one of
// cgroup v2 under ""; see stats.Source.
func (r *Runtime) Cgroups(id string) (map[string]string, error) {
	_, state, err := r.state(id)
	if err != nil {
		return nil, fmt.Errorf("cannot find the cgroups of container %q: %w", id, err)
	}
	return state.CgroupPaths, nil
}

// Cgroups is Runtime.Cgroups for the process that created the container.
func (p *Process) Cgroups() (map[string]string, error) {
	state, err := p.container.State()
	if err != nil {
		return nil, fmt.Errorf("cannot find the cgroups of container %q: %w", p.container.ID(), err)
	}
	return state.CgroupPaths, nil
}
