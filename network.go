package main

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"blackhole/bundle"
	"blackhole/hooks"
	"blackhole/hooks/params"
	"blackhole/internal/bytesize"
)

// loadBundle reads config.json, and lets this program shape the container's
// network where annotations ask for it and it has no hooks that do.
func loadBundle(dir string) (*specs.Spec, error) {
	config, err := bundle.Load(dir)
	if err != nil {
		return nil, err
	}
	if err := params.AddHooks(config, hookProgram); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return config, nil
}

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
	read, what := bytesize.Parse, "a size"
	if flag == "ingress-rate" || flag == "egress-rate" {
		read, what = bytesize.ParseRate, "a rate"
	}
	n, err := read(c.String(flag))
	if err != nil {
		return fmt.Errorf("--%s: cannot read %q as %s: %w", flag, c.String(flag), what, err)
	}
	*to = uint64(n)
	return nil
}
