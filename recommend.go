//go:build !oci

package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"blackhole/history"
	"blackhole/recommend"
)

func recommendCommand() *cli.Command {
	return &cli.Command{
		Name:      "recommend",
		Category:  ofServices,
		Usage:     "print limits that fit what services were seen to use",
		ArgsUsage: "[SERVICE…]",
		Description: "From the supervisor's record (monitor.history, a week by default), with the evidence beside\n" +
			"each value. What is printed is a configuration file, to be read after the services' own:\n" +
			"blackhole recommend > limits.yaml; blackhole apply -c blackhole.yaml -c limits.yaml.\n" +
			"The record is a minute behind at most. A service with too little evidence is told on\n" +
			"standard error, and the exit code is 1.",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "since", Usage: "use the last `TIME` alone, in whole hours (without: all that is recorded)"},
			&cli.StringFlag{Name: "headroom", Value: "15%", Usage: "give `PART` more than was used, 15% or 0.15"},
			&cli.DurationFlag{Name: "min-evidence", Value: time.Hour, Usage: "recommend nothing from less than `TIME` of use"},
			formatFlag("yaml", "json"),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "yaml", "json")
			if err != nil {
				return err
			}
			headroom, err := parsePart(c.String("headroom"))
			if err != nil {
				return fmt.Errorf("cannot use --headroom %q: %w", c.String("headroom"), err)
			}
			for _, flag := range []string{"since", "min-evidence"} {
				if c.IsSet(flag) && c.Duration(flag) <= 0 {
					return fmt.Errorf("cannot use --%s %s: it must be more than 0", flag, c.Duration(flag))
				}
			}
			services, short, err := recommendations(c, headroom)
			if err != nil {
				return err
			}
			if format == "json" {
				err = writeJSON(c.App.Writer, map[string]any{"headroom": headroom, "services": services})
			} else if len(services) > 0 {
				err = recommend.WriteYAML(c.App.Writer, services, headroom)
			}
			for _, line := range short {
				fmt.Fprintln(c.App.ErrWriter, line)
			}
			if err == nil && len(short) > 0 {
				err = exitStatus(1)
			}
			return err
		},
	}
}

// recommendations are those that there is evidence for; short says for which
// services there is too little, or none that can be read.
func recommendations(c *cli.Context, headroom float64) (services []*recommend.Service, short []string, err error) {
	store := paths(c).History()
	names, err := store.Services()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the record of usage: %w", err)
	}
	if c.NArg() > 0 {
		for _, name := range c.Args().Slice() {
			if !slices.Contains(names, name) {
				return nil, nil, fmt.Errorf("cannot recommend limits for %q: there is no record of it in %s; there is one of: %s", name, store.Dir, few(names))
			}
		}
		names = slices.Compact(slices.Sorted(slices.Values(c.Args().Slice())))
	}
	if len(names) == 0 {
		return nil, nil, errors.New("cannot recommend limits: nothing is recorded in " + store.Dir + "; services are recorded while up supervises them")
	}
	services = []*recommend.Service{}
	for _, name := range names {
		hours, err := store.Hours(name)
		if errors.Is(err, history.ErrCorrupt) { // the others' records are whole
			short = append(short, fmt.Sprintf("cannot recommend limits for %s: %v", name, err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read the record of usage: %w", err)
		}
		if since := c.Duration("since"); since > 0 {
			oldest := time.Now().Add(-since).Unix()
			hours = slices.DeleteFunc(hours, func(h *history.Hour) bool { return h.Start+3600 <= oldest })
		}
		if have, want := recommend.Seconds(hours), c.Duration("min-evidence").Seconds(); len(hours) == 0 || have < want {
			short = append(short, fmt.Sprintf("cannot recommend limits for %s: %s of use recorded, %s needed (--min-evidence)",
				name, recommend.Span(have), recommend.Span(want)))
			continue
		}
		services = append(services, recommend.Make(recommend.Input{Service: name, Hours: hours, Headroom: headroom}))
	}
	return services, short, nil
}
