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
		return namespaces, params.Params{Mode: params.Joined}.Annotations()
	}
	mode := value(t.service.Network.Mode)
	if mode != NetworkIsolated && t.service.Resources.Network.Bandwidth != (Bandwidth{}) {
		t.warn("network.bandwidth is not set: with network mode %s there is no interface to shape", mode)
	}
	if mode == NetworkHost {
		return namespaces, params.Params{Mode: params.Host}.Annotations()
	}
	namespaces = append(namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	if mode == NetworkNone {
		return namespaces, params.Params{Mode: params.None, Hostname: t.name}.Annotations()
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

// namespacePath is where ip-netns(8) keeps a namespace that is given by name.
func namespacePath(namespace string) string {
	if strings.Contains(namespace, "/") {
		return namespace
	}
	return "/run/netns/" + namespace
}
