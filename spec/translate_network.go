package spec

import (
	"strings"

	"blackhole/hooks/params"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// network is the service's namespaces, and what the network hooks need to know
// as annotations.
func (t *translator) network() ([]specs.LinuxNamespace, map[string]string) {
	namespaces := []specs.LinuxNamespace{
		{Type: specs.PIDNamespace},
		{Type: specs.IPCNamespace},
		{Type: specs.UTSNamespace},
		{Type: specs.MountNamespace},
		{Type: specs.CgroupNamespace},
	}
	net := t.service.Network
	if joined := value(net.Namespace); joined != "" {
		namespaces = append(namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: namespacePath(joined)})
		return namespaces, params.Params{Mode: params.Joined, Hostname: t.name}.Annotations()
	}
	mode := value(t.service.Network.Mode)
	if mode != NetworkIsolated && t.service.Resources.Network.Bandwidth != (Bandwidth{}) {
		t.warn("network.bandwidth is not set: with network mode %s there is no interface to shape", mode)
	}
	if mode == NetworkHost {
		return namespaces, params.Params{Mode: params.Host, Hostname: t.name}.Annotations()
	}
	namespaces = append(namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	if mode == NetworkNone {
		return namespaces, params.Params{Mode: params.None, Hostname: t.name, Interfaces: net.Interfaces}.Annotations()
	}
	return namespaces, t.isolated().Annotations()
}

// isolated is the network of a service on the bridge.
func (t *translator) isolated() params.Params {
	bridge := t.config.EffectiveIsolation().Network
	bandwidth := t.service.Resources.Network.Bandwidth
	p := params.Params{
		Mode:         params.Isolated,
		Hostname:     t.name,
		Bridge:       value(bridge.Bridge),
		Subnet:       value(bridge.Subnet).Prefix,
		Masquerade:   value(bridge.Masquerade),
		IngressRate:  uint64(value(bandwidth.IngressRate)),
		EgressRate:   uint64(value(bandwidth.EgressRate)),
		IngressBurst: uint64(value(bandwidth.IngressBurst)),
		EgressBurst:  uint64(value(bandwidth.EgressBurst)),
		Interfaces:   t.service.Network.Interfaces,
	}
	for _, port := range t.service.Network.Ports {
		p.Ports = append(p.Ports, params.Port(port))
	}
	return p
}

// networkHooks is none without a program to run.
func networkHooks(program string) *specs.Hooks {
	if program == "" {
		return nil
	}
	return params.Hooks(program)
}

// hostsPath is the file of names of a service.
const hostsPath = "/etc/hosts"

// hosts gives a service a file of names of its own, that lies in the bundle and
// that the hooks keep current. A root file system without one stays so: there
// is nothing to mount it on.
func (t *translator) hosts(m *mounts, o Options, rootfs string) {
	if o.HookPath == "" {
		return
	}
	if file, err := lookup(t.host, rootfs, hostsPath); err != nil || !file.Mode.IsRegular() {
		return
	}
	t.out.Hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
	m.add(specs.Mount{Destination: hostsPath, Type: "bind", Source: params.HostsFile, Options: readOnlyFile()})
}

// namespacePath is where ip-netns(8) keeps a namespace that is given by name.
func namespacePath(namespace string) string {
	if strings.Contains(namespace, "/") {
		return namespace
	}
	return "/run/netns/" + namespace
}
