package audit

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// namespace finds the entry of a kind; without one the container is in the
// runtime's, which is the host's.
func namespace(linux *specs.Linux, kind specs.LinuxNamespaceType) (specs.LinuxNamespace, bool) {
	for _, ns := range linux.Namespaces {
		if ns.Type == kind {
			return ns, true
		}
	}
	return specs.LinuxNamespace{}, false
}

// hosts tells whether a path is the namespace of the host's first process, or
// of whoever asks.
func hosts(path string) bool {
	return strings.HasPrefix(path, "/proc/1/ns/") || strings.HasPrefix(path, "/proc/self/ns/")
}

// shares tells whether the container is in the host's namespace of a kind.
func (a *auditor) shares(kind specs.LinuxNamespaceType) bool {
	ns, there := namespace(a.linux, kind)
	return !there || hosts(ns.Path)
}

func (a *auditor) namespaces() {
	for _, n := range []struct {
		kind        specs.LinuxNamespaceType
		weight      float64
		floor       float64
		service     string
		shared, own string
	}{
		{specs.MountNamespace, 0.35, 9, "", "sees the mounts of the host", "has mounts of its own"},
		{specs.PIDNamespace, 0.35, 0, "", "sees the processes of the host", "sees its own processes alone"},
		{specs.NetworkNamespace, 0.35, 0, "network.mode", "has the network of the host, its loopback and abstract sockets too", "has a network of its own"},
		{specs.IPCNamespace, 0.1, 0, "", "shares memory segments and message queues with the host", "has IPC of its own"},
		{specs.CgroupNamespace, 0.1, 0, "", "sees the cgroups of the host", "sees its own cgroup alone"},
		{specs.UTSNamespace, 0.05, 0, "", "has the name of the host, and may change it as root", "has a name of its own"},
	} {
		c := Check{Name: string(n.kind) + " namespace", Weight: n.weight, Service: n.service, OCI: "linux.namespaces", Found: n.own}
		ns, _ := namespace(a.linux, n.kind)
		part := 0.0
		switch {
		case a.shares(n.kind):
			part = 1
			c.Floor, c.Found, c.Advice = n.floor, n.shared, "a namespace of its own"
			if n.kind == specs.NetworkNamespace {
				c.Advice = "isolated, or none"
			}
		case ns.Path != "":
			part = 0.3
			c.Found, c.Advice = "is with others in "+ns.Path, "a namespace of its own"
			if n.kind == specs.NetworkNamespace {
				c.Service = "network.namespace"
			}
		}
		a.add(part, c)
	}
}
