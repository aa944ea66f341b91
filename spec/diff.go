package spec

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// KeyDiff is one key that two configurations have different. Old and New are as
// they are written in a file, empty where the key is unset.
type KeyDiff struct {
	Key string `json:"key"`
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// Diff lists the keys of a service in which two configurations differ, all
// defaults merged in, in the order of the reference. Both must have the service.
func Diff(from, to *Config, service string) []KeyDiff {
	a, err := from.Service(service)
	if err != nil {
		return nil
	}
	b, err := to.Service(service)
	if err != nil {
		return nil
	}
	// The same as network.mode, once all is merged.
	a.Resources.Network.Mode, b.Resources.Network.Mode = nil, nil
	return diffValues("", reflect.ValueOf(*a), reflect.ValueOf(*b))
}

// DiffIsolation is Diff for what holds for all services. Defaults and security
// are left out: they show in the services.
func DiffIsolation(from, to *Config) []KeyDiff {
	const at = "resource_isolation"
	a, b := from.EffectiveIsolation(), to.EffectiveIsolation()
	a.Defaults, b.Defaults, a.Security, b.Security = Resources{}, Resources{}, Security{}, Security{}
	return diffValues(at, reflect.ValueOf(a), reflect.ValueOf(b))
}

func diffValues(at string, a, b reflect.Value) []KeyDiff {
	was, is := map[string]string{}, map[string]string{}
	order := leaves(at, renderValue(a), was, nil)
	order = leaves(at, renderValue(b), is, order)
	var diffs []KeyDiff
	for _, key := range order {
		if was[key] != is[key] {
			diffs = append(diffs, KeyDiff{key, was[key], is[key]})
		}
	}
	return diffs
}

// leaves puts the values of a tree into a map by their paths, and their paths
// behind those of order. A list is one value.
func leaves(at string, n *yaml.Node, into map[string]string, order []string) []string {
	switch {
	case n == nil:
		return order
	case n.Kind == yaml.MappingNode && len(n.Content) > 0:
		for i := 0; i < len(n.Content); i += 2 {
			order = leaves(join(at, n.Content[i].Value), n.Content[i+1], into, order)
		}
		return order
	}
	text := n.Value
	if n.Kind != yaml.ScalarNode || text == "" {
		var b bytes.Buffer
		if err := writeJSON(&b, n); err == nil {
			text = b.String()
		}
	}
	into[at] = text
	if !slices.Contains(order, at) {
		order = append(order, at)
	}
	return order
}

// Applied is what a configuration comes to when each service is as in a
// configuration of its own; those that services does not name are as in c. All
// defaults are merged in, so that none of c gets into a service of another.
func (c *Config) Applied(services map[string]*Config) *Config {
	e := c.Effective()
	e.Isolation.Defaults = Resources{}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if s, err := services[name].merged(name); err == nil {
			e.Services[name] = s
		}
	}
	return e
}

// Contains tells whether the configuration has a service.
func (c *Config) Contains(service string) bool { return c.Services[service] != nil }

// Conflict says what two services of different configurations cannot have at a
// time: a published port, a host interface, or one bridge with two subnets;
// empty where they can run side by side.
func Conflict(a *Config, service string, b *Config, other string) string {
	x, err := a.Service(service)
	if err != nil {
		return ""
	}
	y, err := b.Service(other)
	if err != nil {
		return ""
	}
	for _, p := range x.Network.Ports {
		if slices.ContainsFunc(y.Network.Ports, p.overlaps) {
			return "port " + p.String()
		}
	}
	for _, link := range x.Network.Interfaces {
		if slices.Contains(y.Network.Interfaces, link) {
			return "interface " + link
		}
	}
	if !x.shaped() || !y.shaped() {
		return ""
	}
	m, n := a.EffectiveIsolation().Network, b.EffectiveIsolation().Network
	sameBridge, sameSubnet := *m.Bridge == *n.Bridge, *m.Subnet == *n.Subnet
	switch {
	case sameBridge && !sameSubnet:
		return "bridge " + *m.Bridge
	case !sameBridge && m.Subnet.Overlaps(n.Subnet.Prefix):
		return "subnet " + m.Subnet.String()
	}
	return ""
}

// Live tells whether a key can change while the service runs: the limits of its
// cgroup, its bandwidth, and what only the supervisor acts by.
func Live(key string) bool {
	if key == "resources.io.priority" { // of the processes, not of the cgroup
		return false
	}
	for _, live := range []string{
		"resources.cpu", "resources.memory", "resources.io", "resources.pids", "resources.network.bandwidth",
		"depends_on", "restart", "stop", "health_check", "logs", "resource_isolation.monitor",
	} {
		if key == live || strings.HasPrefix(key, live+".") {
			return true
		}
	}
	return false
}
