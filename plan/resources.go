package plan

import (
	"fmt"
	"slices"

	"blackhole/spec"
)

// memory compares limits with the host's memory. The soft limits are what the
// services mostly keep to; a protected part (low) is one that nobody else gets.
func (m *maker) memory() {
	limit := func(s *spec.Service) *float64 { return number(s.Resources.Memory.Limit) }
	soft := func(s *spec.Service) *float64 { return number(s.Resources.Memory.Soft) }
	m.sum(Resource{Name: "memory.limit", Unit: "bytes"}, m.Host.Memory, "resources.memory.limit",
		func(s *spec.Service, _ string) *float64 { return limit(s) })
	if m.anyone(soft) {
		m.sum(Resource{Name: "memory.soft", Unit: "bytes"}, m.Host.Memory, "resources.memory.soft resources.memory.limit",
			func(s *spec.Service, _ string) *float64 {
				if v := soft(s); v != nil {
					return v
				}
				return limit(s)
			})
	}
	if low := func(s *spec.Service) *float64 { return number(s.Resources.Memory.Low) }; m.anyone(low) {
		m.sum(Resource{Name: "memory.low", Unit: "bytes"}, m.Host.Memory, "resources.memory.low",
			func(s *spec.Service, _ string) *float64 { return orZero(low(s)) })
	}
	if swap := func(s *spec.Service) *float64 { return number(s.Resources.Memory.Swap) }; m.anyone(swap) {
		m.sum(Resource{Name: "memory.swap", Unit: "bytes"}, m.Host.Swap, "resources.memory.swap",
			func(s *spec.Service, _ string) *float64 { return swap(s) })
	}
}

// anyone tells whether some service sets it.
func (m *maker) anyone(of func(*spec.Service) *float64) bool {
	return slices.ContainsFunc(m.names, func(name string) bool { v := of(m.services[name]); return v != nil && *v > 0 })
}

// orZero is for what is nothing, not everything, where it is not set.
func orZero(v *float64) *float64 {
	if v == nil {
		return new(float64)
	}
	return v
}

// rate is one limit of a disk.
type rate struct {
	name, unit string
	of         func(io spec.IO) *float64
	capacity   func(d Disk) *uint64
}

func rates() []rate {
	return []rate{
		{"read_bps", "bytes/s", func(io spec.IO) *float64 { return number(io.ReadBPS) }, func(d Disk) *uint64 { return d.ReadBPS }},
		{"write_bps", "bytes/s", func(io spec.IO) *float64 { return number(io.WriteBPS) }, func(d Disk) *uint64 { return d.WriteBPS }},
		{"read_iops", "operations/s", func(io spec.IO) *float64 { return number(io.ReadIOPS) }, func(d Disk) *uint64 { return d.ReadIOPS }},
		{"write_iops", "operations/s", func(io spec.IO) *float64 { return number(io.WriteIOPS) }, func(d Disk) *uint64 { return d.WriteIOPS }},
	}
}

// disks adds up, for each disk, the limits of the services that are on it.
func (m *maker) disks() {
	on := map[string][]string{} // services by disk
	var disks []string
	for _, name := range m.names {
		for _, disk := range m.disksOf(name) {
			if on[disk] == nil {
				disks = append(disks, disk)
			}
			on[disk] = append(on[disk], name)
		}
	}
	slices.Sort(disks)
	for _, disk := range disks {
		for _, r := range rates() {
			limited := func(s *spec.Service) *float64 {
				if v := r.of(s.Resources.IO); v != nil && *v > 0 { // 0 is no limit
					return v
				}
				return nil
			}
			here := func(name string) bool { return slices.Contains(on[disk], name) }
			if !slices.ContainsFunc(on[disk], func(name string) bool { return limited(m.services[name]) != nil }) {
				continue
			}
			m.sum(Resource{Name: "io." + disk + "." + r.name, Unit: r.unit}, r.capacity(m.Host.disk(disk)), "resources.io."+r.name,
				func(s *spec.Service, name string) *float64 {
					if !here(name) {
						return new(float64)
					}
					return limited(s)
				})
		}
	}
}

// anyDisk stands for the disks of a host that nobody can look at.
const anyDisk = "disk"

func (m *maker) disksOf(name string) []string {
	if m.Disks != nil {
		return m.Disks(name)
	}
	if device := m.services[name].Resources.IO.Device; device != nil {
		return []string{*device}
	}
	return []string{anyDisk}
}

// hardFDs is how many descriptors each process of a service may have open.
func hardFDs(s *spec.Service) *uint64 {
	fds := s.Resources.FDs
	if fds.Hard != nil {
		return fds.Hard
	}
	return fds.Soft
}

// processes compares descriptors and processes. Descriptors are limited for each
// process, so the sum is for one process a service: the least it may come to.
func (m *maker) processes() {
	m.sum(Resource{Name: "pids", Unit: "processes"}, m.Host.Pids, "resources.pids.limit",
		func(s *spec.Service, _ string) *float64 { return number(s.Resources.Pids.Limit) })
	m.sum(Resource{Name: "fds", Unit: "descriptors"}, m.Host.Files, "resources.fds.hard resources.fds.soft",
		func(s *spec.Service, _ string) *float64 { return number(hardFDs(s)) })
	for _, name := range m.names {
		fds := hardFDs(m.services[name])
		if fds != nil && m.Host.FilesEach != nil && *fds > *m.Host.FilesEach {
			m.find(Over, "fds", name, "resources.fds.hard resources.fds.soft", "%d descriptors are more than a process of the host can have: %d (fs.nr_open)", *fds, *m.Host.FilesEach)
		}
	}
}

// network compares bandwidth, addresses and published ports.
func (m *maker) network() {
	for _, r := range []struct {
		key string
		of  func(b spec.Bandwidth) *spec.Rate
	}{
		{"ingress_rate", func(b spec.Bandwidth) *spec.Rate { return b.IngressRate }},
		{"egress_rate", func(b spec.Bandwidth) *spec.Rate { return b.EgressRate }},
	} {
		limit := func(s *spec.Service) *float64 {
			if *s.Network.Mode == spec.NetworkNone {
				return new(float64)
			}
			if v := number(r.of(s.Resources.Network.Bandwidth)); v != nil && *v > 0 {
				return v
			}
			return nil
		}
		if m.anyone(limit) {
			m.sum(Resource{Name: "network." + r.key, Unit: "bytes/s"}, m.Host.Network, "resources.network.bandwidth."+r.key,
				func(s *spec.Service, _ string) *float64 { return limit(s) })
		}
	}
	m.addresses()
	m.ports()
}

// addresses compares the services on the bridge with its subnet, of which the
// network's, the bridge's and the broadcast address are nobody's.
func (m *maker) addresses() {
	isolated := func(s *spec.Service) *float64 {
		n := 0.0
		if *s.Network.Mode == spec.NetworkIsolated && s.Network.Namespace == nil {
			n = 1
		}
		return &n
	}
	subnet := m.Config.EffectiveIsolation().Network.Subnet
	if !m.anyone(isolated) || subnet == nil {
		return
	}
	free := uint64(1)<<min(62, uint(subnet.Addr().BitLen()-subnet.Bits())) - 3
	// An address is whole and costs nothing: the headroom is not for them.
	headroom := m.Headroom
	m.Headroom = 0
	m.sum(Resource{Name: "addresses", Unit: "addresses"}, &free, "network.mode",
		func(s *spec.Service, _ string) *float64 { return isolated(s) })
	m.Headroom = headroom
}

// ports finds published ports that something on the host has already.
func (m *maker) ports() {
	if m.Host.Listening == nil {
		return
	}
	for _, name := range m.names {
		for i, p := range m.services[name].Network.Ports {
			for _, l := range m.Host.Listening {
				if l.Port != p.Host || l.Protocol != p.Protocol ||
					p.HostIP.IsValid() && !p.HostIP.IsUnspecified() && !l.Addr.IsUnspecified() && p.HostIP != l.Addr {
					continue
				}
				m.find(Over, "ports", name, fmt.Sprintf("network.ports[%d]", i), "port %d/%s is in use on the host, at %s",
					p.Host, p.Protocol, l.Addr)
				break
			}
		}
	}
}
