// Package netstats is the network's part of a container's statistics: package
// runtime knows no network, and package hooks knows no containers.
package netstats

import (
	"blackhole/hooks"
	"blackhole/runtime/stats"
)

// Of is what the host's end of a container's network has counted; nil when it has
// no network of its own.
func Of(id string) (*stats.Network, error) {
	s, err := new(hooks.Network).Stats(id)
	if s == nil || err != nil {
		return nil, err
	}
	return figures(s), nil
}

// Meter reads the same for many containers at a time, again and again.
func Meter() func(ids []string) (map[string]*stats.Network, error) {
	meter := new(hooks.Network).Meter()
	return func(ids []string) (map[string]*stats.Network, error) {
		all, err := meter.Read(ids)
		out := make(map[string]*stats.Network, len(all))
		for id, s := range all {
			out[id] = figures(s)
		}
		return out, err
	}
}

func figures(s *hooks.Stats) *stats.Network {
	return &stats.Network{
		RxBytes: s.RxBytes, TxBytes: s.TxBytes, RxPackets: s.RxPackets, TxPackets: s.TxPackets,
		RxDropped: s.RxDropped, TxDropped: s.TxDropped,
		Ingress: shaping(s.Ingress), Egress: shaping(s.Egress),
	}
}

func shaping(s *hooks.ShapingStats) *stats.Shaping {
	if s == nil {
		return nil
	}
	return &stats.Shaping{
		Rate: s.Rate, Bytes: s.Bytes, Dropped: uint64(s.Dropped), Overlimits: uint64(s.Overlimits),
		BacklogBytes: uint64(s.BacklogBytes), BacklogPackets: uint64(s.BacklogPackets),
	}
}
