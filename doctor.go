//go:build !oci

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"blackhole/doctor"
	"blackhole/doctor/gather"
	"blackhole/internal/printable"
	"blackhole/spec"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Category:  ofServices,
		Usage:     "say what this host lacks, and why services are in trouble",
		ArgsUsage: "[SERVICE…]",
		Description: "Without SERVICE: the host, and all services and containers. Own figures tell why one is in\n" +
			"trouble: killed for want of memory, throttled, bound by disks, out of descriptors or\n" +
			"processes, system calls refused, ending again and again; each with the line of the\n" +
			"configuration to change. With a supervisor it knows the last day, without one what the\n" +
			"running container tells. Exits with 1 if there is trouble; warnings of the host are none.",
		Flags: []cli.Flag{
			configFlag(),
			&cli.DurationFlag{Name: "sample", Value: time.Second, Usage: "watch the services for this `TIME`"},
			formatFlag("text", "json"),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			if d := c.Duration("sample"); d < 100*time.Millisecond || d > time.Minute {
				return fmt.Errorf("cannot use --sample %s: it is from 100ms to 1m", d)
			}
			r, err := examine(c)
			if err != nil {
				return err
			}
			if format == "json" {
				err = writeJSON(c.App.Writer, r)
			} else {
				err = printDoctor(c.App.Writer, r)
			}
			if err == nil && r.Trouble {
				err = exitStatus(1)
			}
			return err
		},
	}
}

// doctorReport is what was found.
type doctorReport struct {
	Trouble  bool            `json:"trouble"`
	Host     []doctor.Check  `json:"host,omitempty"`
	Services []serviceReport `json:"services"`
}

type serviceReport struct {
	Service  string           `json:"service"`
	State    string           `json:"state"`
	Troubles []doctor.Trouble `json:"troubles"`
}

// examine looks at the host, unless services were named, and at the services.
func examine(c *cli.Context) (*doctorReport, error) {
	g, err := newGatherer(c)
	if err != nil {
		return nil, err
	}
	r := &doctorReport{Services: []serviceReport{}}
	if c.NArg() == 0 {
		if r.Host, err = g.Host(); err != nil {
			return nil, err
		}
		for _, check := range r.Host {
			r.Trouble = r.Trouble || check.Status == doctor.Fault
		}
	}
	facts, err := g.Services(c.Duration("sample"), func(n int) { tellWait(c, n) })
	if err != nil {
		return nil, err
	}
	for _, f := range facts {
		s := serviceReport{f.Name, f.State, doctor.Diagnose(f)}
		if s.Troubles == nil {
			s.Troubles = []doctor.Trouble{}
		}
		r.Trouble = r.Trouble || len(s.Troubles) > 0
		r.Services = append(r.Services, s)
	}
	return r, nil
}

// newGatherer: a configuration that was not asked for need not be there.
func newGatherer(c *cli.Context) (*gather.Gatherer, error) {
	g := &gather.Gatherer{Paths: paths(c), Runtime: newRuntime(c), Names: c.Args().Slice()}
	if _, err := configPaths(c); err != nil && !c.IsSet("config") {
		return g, nil
	}
	var err error
	g.Config, err = loadConfig(c)
	return g, err
}

// tellWait says to a person at a terminal why nothing happens.
func tellWait(c *cli.Context, services int) {
	_, err := unix.IoctlGetTermios(unix.Stderr, unix.TCGETS)
	if d := c.Duration("sample"); err == nil && d >= 2*time.Second {
		fmt.Fprintf(c.App.ErrWriter, "watching %d services for %s …\n", services, d)
	}
}

func printDoctor(w io.Writer, r *doctorReport) error {
	if len(r.Host) > 0 {
		t := tabwriter.NewWriter(w, 0, 1, 3, ' ', 0)
		fmt.Fprint(t, "HOST\tCHECK\tFOUND\n")
		for _, c := range r.Host {
			fmt.Fprintf(t, "%s\t%s\t%s\n", c.Status, c.Name, c.Found)
			if c.Advice != "" {
				fmt.Fprintf(t, "\t\t└ %s\n", c.Advice)
			}
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for i, s := range r.Services {
		if i > 0 || len(r.Host) > 0 {
			fmt.Fprintln(w)
		}
		if len(s.Troubles) == 0 {
			fmt.Fprintf(w, "%s: %s, no trouble found\n", s.Service, s.State)
			continue
		}
		fmt.Fprintf(w, "%s: %s, in trouble\n", s.Service, s.State)
		for _, t := range s.Troubles {
			at := spec.Fault{Place: spec.Place{File: t.File, Line: t.Line, Column: t.Column}, Path: t.Path, Message: t.Advice}
			fmt.Fprintf(w, "  %s: %s\n    └ %s\n", t.Kind, printable.Line(t.Message), at)
		}
	}
	return nil
}
