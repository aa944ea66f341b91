package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"blackhole/hooks"
	"blackhole/runtime/stats"
	"blackhole/spec"
)

// bandwidthFlags are those of update that runc does not have.
func bandwidthFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "ingress-rate", Usage: "what it receives at most, in `BYTES` a second or with kbit, mbit, gbit; 0 is no limit"},
		&cli.StringFlag{Name: "egress-rate", Usage: "what it sends at most, in `BYTES` a second or with kbit, mbit, gbit; 0 is no limit"},
		&cli.StringFlag{Name: "ingress-burst", Usage: "`BYTES` that it receives at once; 0 is a few milliseconds of the rate"},
		&cli.StringFlag{Name: "egress-burst", Usage: "`BYTES` that it sends at once; 0 is a few milliseconds of the rate"},
	}
}

// changeBandwidth brings a container's bandwidth to what the flags say, and
// gives back the way to what it was. Without such a flag nothing is done.
func changeBandwidth(c *cli.Context, id string) (undo func() error, err error) {
	given := false
	for _, f := range bandwidthFlags() {
		given = given || c.IsSet(f.Names()[0])
	}
	if !given {
		return func() error { return nil }, nil
	}
	network := new(hooks.Network)
	old, ok, err := network.Bandwidth(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("cannot update container %q: it has no network of its own whose bandwidth could change", id)
	}
	want := old
	for flag, to := range map[string]*uint64{
		"ingress-rate": &want.IngressRate, "egress-rate": &want.EgressRate,
		"ingress-burst": &want.IngressBurst, "egress-burst": &want.EgressBurst,
	} {
		if err := amount(c, flag, to); err != nil {
			return nil, fmt.Errorf("cannot update container %q: %w", id, err)
		}
	}
	return func() error { return network.Shape(id, old) }, network.Shape(id, want)
}

// amount reads a flag, if it was given, in the units of the configuration.
func amount(c *cli.Context, flag string, to *uint64) error {
	if !c.IsSet(flag) {
		return nil
	}
	var rate spec.Rate
	var size spec.Size
	var err error
	if flag == "ingress-rate" || flag == "egress-rate" {
		err = rate.UnmarshalText([]byte(c.String(flag)))
	} else {
		err = size.UnmarshalText([]byte(c.String(flag)))
	}
	*to = uint64(rate) + uint64(size)
	if err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	return nil
}

// networkStats is the part of a container's statistics that its end of the host
// knows; nil when it has no network of its own.
func networkStats(id string) (*stats.Network, error) {
	s, err := new(hooks.Network).Stats(id)
	if s == nil || err != nil {
		return nil, err
	}
	return statsNetwork(s), nil
}

// networkMeter reads the same for many containers at a time, again and again.
func networkMeter() func(ids []string) (map[string]*stats.Network, error) {
	meter := new(hooks.Network).Meter()
	return func(ids []string) (map[string]*stats.Network, error) {
		all, err := meter.Read(ids)
		out := make(map[string]*stats.Network, len(all))
		for id, s := range all {
			out[id] = statsNetwork(s)
		}
		return out, err
	}
}

func statsNetwork(s *hooks.Stats) *stats.Network {
	n := &stats.Network{
		RxBytes: s.RxBytes, TxBytes: s.TxBytes, RxPackets: s.RxPackets, TxPackets: s.TxPackets,
		RxDropped: s.RxDropped, TxDropped: s.TxDropped,
	}
	for from, to := range map[*hooks.ShapingStats]**stats.Shaping{s.Ingress: &n.Ingress, s.Egress: &n.Egress} {
		if from != nil {
			*to = &stats.Shaping{
				Rate: from.Rate, Bytes: from.Bytes, Dropped: uint64(from.Dropped), Overlimits: uint64(from.Overlimits),
				BacklogBytes: uint64(from.BacklogBytes), BacklogPackets: uint64(from.BacklogPackets),
			}
		}
	}
	return n
}
