package main

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"blackhole/hooks"
	"blackhole/spec"
)

func shapeCommand() *cli.Command {
	return &cli.Command{
		Name:      "shape",
		Category:  serviceCommands,
		Usage:     "show or change the bandwidth of a running container",
		ArgsUsage: "CONTAINER-ID",
		Description: "A change takes effect at once, and lasts until the container is deleted. What no flag names\n" +
			"stays as it is; a rate of 0 is no limit any more. Rates are bytes a second, or bits written\n" +
			"kbit, mbit, gbit. Without a flag the present bandwidth is printed.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "ingress-rate", Usage: "what it receives at most, a second"},
			&cli.StringFlag{Name: "egress-rate", Usage: "what it sends at most, a second"},
			&cli.StringFlag{Name: "ingress-burst", Usage: "what it receives at once; 0 is the default, a few milliseconds of the rate"},
			&cli.StringFlag{Name: "egress-burst", Usage: "what it sends at once; 0 is the default, a few milliseconds of the rate"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return shape(c, c.Args().First())
		},
	}
}

func shape(c *cli.Context, id string) error {
	network := new(hooks.Network)
	b, ok, err := network.Bandwidth(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("cannot shape container %q: it has no network of its own", id)
	}
	if c.NumFlags() == 0 {
		data, err := json.MarshalIndent(b, "", "  ")
		if err == nil {
			_, err = fmt.Fprintln(c.App.Writer, string(data))
		}
		return err
	}
	for flag, to := range map[string]*uint64{
		"ingress-rate": &b.IngressRate, "egress-rate": &b.EgressRate,
		"ingress-burst": &b.IngressBurst, "egress-burst": &b.EgressBurst,
	} {
		if err := amount(c, flag, to); err != nil {
			return err
		}
	}
	return network.Shape(id, b)
}

// amount reads a flag, if it was given, in the units of the configuration.
func amount(c *cli.Context, flag string, to *uint64) error {
	if !c.IsSet(flag) {
		return nil
	}
	text := []byte(c.String(flag))
	var err error
	if flag == "ingress-rate" || flag == "egress-rate" {
		var r spec.Rate
		err = r.UnmarshalText(text)
		*to = uint64(r)
	} else {
		var s spec.Size
		err = s.UnmarshalText(text)
		*to = uint64(s)
	}
	if err != nil {
		return fmt.Errorf("cannot use --%s: %w", flag, err)
	}
	return nil
}
