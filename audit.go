//go:build !oci

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"blackhole/audit"
	"blackhole/bundle"
	"blackhole/internal/printable"
	"blackhole/spec"
	"blackhole/spec/host"
)

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:      "audit",
		Category:  ofServices,
		Usage:     "say how exposed services are, from 0 to 10, and what would lower it",
		ArgsUsage: "[SERVICE…]",
		Description: "How much of the host somebody could reach who took over a service's program. Without\n" +
			"SERVICE, one line for each service; with one, each check with its points and the setting\n" +
			"that lowers them. What this host lacks, such as a service's user, does not matter. With\n" +
			"--bundle, the same for an OCI bundle from anywhere.",
		Flags: []cli.Flag{
			configFlag(),
			&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "look at the OCI bundle in `FOLDER` instead of services"},
			&cli.Float64Flag{Name: "threshold", Value: audit.Most, Usage: "exit with 1 if an exposure is above `N`"},
			formatFlag("text", "json"),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			threshold := c.Float64("threshold")
			if !(threshold >= 0 && threshold <= audit.Most) {
				return fmt.Errorf("cannot use --threshold %v: it is from 0 to %v", threshold, audit.Most)
			}
			var reports []auditReport
			if c.IsSet("bundle") {
				reports, err = auditBundle(c)
			} else {
				reports, err = auditServices(c)
			}
			if err != nil {
				return err
			}
			switch {
			case format == "json":
				err = writeJSON(c.App.Writer, reports)
			case c.NArg() == 0 && !c.IsSet("bundle"):
				err = printExposures(c.App.Writer, reports)
			default:
				err = printAudits(c.App.Writer, reports)
			}
			if err != nil {
				return err
			}
			return aboveThreshold(reports, threshold)
		},
	}
}

// auditReport is one service's or bundle's.
type auditReport struct {
	Service  string       `json:"service,omitempty"`
	Bundle   string       `json:"bundle,omitempty"`
	Exposure float64      `json:"exposure"`
	Level    string       `json:"level"`
	Checks   []auditCheck `json:"checks"`
}

// auditCheck is a check, and where its setting is, or belongs, in the
// configuration of a service.
type auditCheck struct {
	audit.Check
	Path   string `json:"path,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func (r *auditReport) name() string { return r.Service + r.Bundle } // one of them

func auditBundle(c *cli.Context) ([]auditReport, error) {
	if c.NArg() > 0 || c.IsSet("config") {
		return nil, usageError(c, fmt.Errorf("takes --bundle without services and --config"), true)
	}
	dir := c.String("bundle")
	config, err := bundle.Load(dir)
	if err != nil {
		return nil, err
	}
	r := newAuditReport(config)
	r.Bundle = dir
	return []auditReport{r}, nil
}

func auditServices(c *cli.Context) ([]auditReport, error) {
	config, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	names := c.Args().Slice()
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(config.Services))
	}
	for _, name := range names {
		if _, err := config.Service(name); err != nil {
			return nil, err
		}
	}
	if faults := config.Check(names...); len(faults) > 0 {
		return nil, faults
	}
	reports := []auditReport{}
	for _, name := range names {
		h, err := spec.Willing(host.New(), config, name)
		if err != nil {
			return nil, err
		}
		o := spec.Options{}
		if config.Services[name].Executable == nil {
			o.Args = []string{"/bin/true"} // its program is not judged
		}
		t, err := spec.Translate(config, name, h, o)
		if err != nil {
			return nil, err
		}
		r := newAuditReport(t.Config)
		r.Service = name
		for i := range r.Checks {
			if c := &r.Checks[i]; c.Service != "" {
				path, at, _ := config.Written(name, c.Service)
				c.Path, c.File, c.Line, c.Column = path, at.File, at.Line, at.Column
			}
		}
		reports = append(reports, r)
	}
	return reports, nil
}

func newAuditReport(config *specs.Spec) auditReport {
	of := audit.Of(config)
	r := auditReport{Exposure: of.Exposure, Level: of.Level}
	for _, c := range of.Checks {
		r.Checks = append(r.Checks, auditCheck{Check: c})
	}
	return r
}

// printExposures is one line a service, the most exposed first.
func printExposures(w io.Writer, reports []auditReport) error {
	slices.SortStableFunc(reports, func(a, b auditReport) int {
		switch {
		case a.Exposure > b.Exposure:
			return -1
		case a.Exposure < b.Exposure:
			return 1
		}
		return 0
	})
	t := tabwriter.NewWriter(w, 8, 1, 3, ' ', 0)
	fmt.Fprint(t, "SERVICE\tEXPOSURE\tLEVEL\tMOST BY\n")
	for _, r := range reports {
		most := "-"
		if c := r.Checks[0]; c.Points > 0 {
			most = c.Name + ": " + printable.Line(c.Found)
		}
		fmt.Fprintf(t, "%s\t%.1f\t%s\t%s\n", r.Service, r.Exposure, r.Level, most)
	}
	return t.Flush()
}

// printAudits is each check that has points, with the setting below it.
func printAudits(w io.Writer, reports []auditReport) error {
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: exposure %.1f of %.0f, %s\n\n", printable.Line(r.name()), r.Exposure, audit.Most, r.Level)
		t := tabwriter.NewWriter(w, 0, 1, 2, ' ', 0)
		fmt.Fprint(t, "POINTS\tOF\tCHECK\tFOUND\n")
		var fine []string
		for _, c := range r.Checks {
			if c.Points == 0 {
				fine = append(fine, c.Name)
				continue
			}
			found := c.Found
			if c.Floor > 0 {
				found += fmt.Sprintf(" (alone an exposure of %.0f)", c.Floor)
			}
			fmt.Fprintf(t, "%.2f\t%.2f\t%s\t%s\n\t\t\t└ %s\n", c.Points, c.Weight, c.Name, printable.Line(found), r.setting(&c))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if len(fine) > 0 {
			fmt.Fprintf(w, "\nno points: %s\n", strings.Join(fine, ", "))
		}
	}
	return nil
}

// setting is what lowers a check's points, and where.
func (r *auditReport) setting(c *auditCheck) string {
	switch {
	case r.Service == "":
		return c.OCI + ": " + c.Advice
	case c.Service == "":
		return "no key of a service; in its bundle, " + c.OCI + ": " + c.Advice
	}
	return spec.Fault{Place: spec.Place{File: c.File, Line: c.Line, Column: c.Column}, Path: c.Path, Message: c.Advice}.String()
}

func aboveThreshold(reports []auditReport, threshold float64) error {
	var above []string
	for _, r := range reports {
		if r.Exposure > threshold {
			above = append(above, fmt.Sprintf("%s %.2f", printable.Line(r.name()), r.Exposure))
		}
	}
	if above == nil {
		return nil
	}
	return fmt.Errorf("exposure above the threshold of %v: %s", threshold, strings.Join(above, ", "))
}
