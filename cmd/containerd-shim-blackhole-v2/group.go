package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
)

// groupAnnotations name the group of containers that share a shim, in this
// order: containerd's own, which keeps runc's name for every runtime, and the
// pod of Kubernetes.
func groupAnnotations() []string {
	return []string{"io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"}
}

// readGroup is the group of the container whose bundle is the working
// directory; the container alone is the group of its id.
func readGroup(id string) (string, error) {
	data, err := os.ReadFile("config.json")
	if err != nil {
		return "", err
	}
	var spec struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		return "", fmt.Errorf("config.json: %w", err)
	}
	for _, name := range groupAnnotations() {
		if group, ok := spec.Annotations[name]; ok {
			return group, nil
		}
	}
	return id, nil
}

// enterCgroup moves a process into a cgroup that is there.
func enterCgroup(path string, pid int) error {
	var err error
	if cgroups.Mode() == cgroups.Unified {
		var m *cgroup2.Manager
		if m, err = cgroup2.Load(path); err == nil {
			err = m.AddProc(uint64(pid))
		}
	} else {
		var cg cgroup1.Cgroup
		if cg, err = cgroup1.Load(cgroup1.StaticPath(path)); err == nil {
			err = cg.AddProc(uint64(pid))
		}
	}
	if err != nil {
		return fmt.Errorf("cannot put the shim into cgroup %s: %w", path, err)
	}
	return nil
}
