package runtime

import (
	"fmt"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/utils"

	"blackhole/runtime/stats"
)

// State is what `state` and `list` tell of a container: the OCI state, with
// the fields and the order in which runc prints them.
type State struct {
	// Version is config.json's ociVersion.
	Version string `json:"ociVersion"`
	ID      string `json:"id"`
	// Pid is the first process's, seen from here; 0 once it has stopped.
	Pid int `json:"pid"`
	// Status is created, running, paused or stopped.
	Status string `json:"status"`
	// Bundle is the absolute path of the folder it was created from.
	Bundle string `json:"bundle"`
	// Rootfs is the absolute path of its root file system on the host.
	Rootfs string `json:"rootfs"`
	// Created is in UTC.
	Created     time.Time         `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Owner is the user whose container it is, by name if it has one. List
	// alone fills it in.
	Owner string `json:"owner"`
	// Stats is what it uses, while it lives. List leaves it out.
	Stats *stats.Stats `json:"stats,omitempty"`
}

// State tells a container's state, and what it uses.
func (r *Runtime) State(id string) (*State, error) {
	s, state, err := r.state(id)
	if err == nil && s.Pid != 0 {
		s.Stats, err = stats.Read(stats.Source{Cgroups: state.CgroupPaths})
	}
	if err != nil {
		return nil, fmt.Errorf("cannot show container %q: %w", id, err)
	}
	return s, nil
}

func (r *Runtime) state(id string) (*State, *libcontainer.State, error) {
	c, err := r.load(id)
	if err != nil {
		return nil, nil, err
	}
	status, err := c.Status()
	if err != nil {
		return nil, nil, err
	}
	state, err := c.State()
	if err != nil {
		return nil, nil, err
	}
	s := &State{
		Version: state.Config.Version,
		ID:      state.ID,
		Pid:     state.InitProcessPid,
		Status:  status.String(),
		Rootfs:  state.Config.Rootfs,
		Created: state.Created,
	}
	s.Bundle, s.Annotations = utils.Annotations(state.Config.Labels)
	if status == libcontainer.Stopped {
		s.Pid = 0
	}
	return s, state, nil
}
