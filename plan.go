//go:build !oci

package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"blackhole/plan"
	"blackhole/spec"
	"blackhole/spec/host"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name:     "plan",
		Category: ofServices,
		Usage:    "compare what the services may use with what the host has",
		Description: "Adds up the limits of all services: CPUs, memory, swap, disks, network, processes and\n" +
			"descriptors. What is over is told with the services that ask for most, at the line to\n" +
			"change, and the exit code is 1. --host plans for another host:\n" +
			"cpus=8,memory=32G,swap=4G,pids=32768,fds=1M,network=1gbit,read_bps=500M, the last also\n" +
			"for one disk (vda.write_iops=2000); what it does not name is unknown then, or as this host\n" +
			"has it with the word \"this\": this,read_bps=500M.",
		Flags: []cli.Flag{
			configFlag(),
			&cli.StringFlag{Name: "headroom", Value: "15%", Usage: "leave `PART` of the host to nobody, 15% or 0.15"},
			&cli.StringFlag{Name: "host", Usage: "plan for a host that `HAS` this instead of for this one"},
			formatFlag("text", "json"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			p, err := makePlan(c)
			if err != nil {
				return err
			}
			if format == "json" {
				err = writeJSON(c.App.Writer, p)
			} else {
				err = printPlan(c.App.Writer, p)
			}
			if err == nil && p.Over {
				err = exitStatus(1)
			}
			return err
		},
	}
}

func makePlan(c *cli.Context) (*plan.Plan, error) {
	headroom, err := parsePart(c.String("headroom"))
	if err != nil {
		return nil, fmt.Errorf("cannot use --headroom %q: %w", c.String("headroom"), err)
	}
	config, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	if faults := config.Check(); len(faults) > 0 {
		return nil, faults
	}
	h := host.New()
	in := plan.Input{Config: config, Headroom: headroom}
	this := func() (plan.Host, error) {
		in.Disks = func(service string) []string { return diskNames(config, service, h) }
		return plan.ThisHost(h, *config.EffectiveIsolation().Cgroup.RootPath)
	}
	if c.IsSet("host") {
		if in.Host, err = plan.ParseHost(c.String("host"), this); err != nil {
			return nil, fmt.Errorf("cannot use --host %q: %w", c.String("host"), err)
		}
	} else if in.Host, err = this(); err != nil {
		return nil, fmt.Errorf("cannot read what this host has: %w", err)
	}
	return plan.Make(in)
}

// diskNames: a folder that has no disk behind it has no limit to plan.
func diskNames(config *spec.Config, service string, h spec.Host) []string {
	disks, err := config.Disks(service, h)
	if err != nil {
		return nil
	}
	var names []string
	for _, d := range disks {
		names = append(names, d.Name)
	}
	return names
}

// parsePart reads 15% or 0.15.
func parsePart(text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	part, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil {
		return 0, fmt.Errorf("it is not a number like 15%% or 0.15")
	}
	if percent {
		part /= 100
	}
	if !(part >= 0 && part < 1) { // NaN neither
		return 0, fmt.Errorf("it must be from 0%% to below 100%%")
	}
	return part, nil
}

// printPlan writes the tables and then what is wrong, worst first.
func printPlan(w io.Writer, p *plan.Plan) error {
	fmt.Fprintf(w, "%s: %s; %.4g %% is kept free\n", p.Host.Name, describeHost(&p.Host), 100*p.Headroom)
	for _, note := range p.Host.Notes {
		fmt.Fprintln(w, "note: "+note)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 1, 3, ' ', 0)
	fmt.Fprint(t, "RESOURCE\tASKED\tTO PLAN WITH\tHOST\tUSE\tSTATE\n")
	for _, r := range p.Resources {
		usable, capacity, use := "-", "-", "-"
		if r.Usable != nil {
			usable, capacity = plan.Amount(*r.Usable, r.Unit), plan.Amount(*r.Capacity, r.Unit)
			if *r.Usable > 0 {
				use = fmt.Sprintf("%.0f %%", 100*r.Asked / *r.Usable)
			}
		}
		state := r.State
		if r.State == plan.Unknown {
			state = "capacity unknown"
		}
		if len(r.Unlimited) > 0 {
			state += "; no limit: " + few(r.Unlimited)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, plan.Amount(r.Asked, r.Unit), usable, capacity, use, state)
	}
	fmt.Fprint(t, "\nSERVICE\tCPU\tSHARES\tOF ITS CPUS\tCPUSET\tMEMORY\tSOFT\tSWAP\tPIDS\tFDS\n")
	for _, s := range p.Services {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.0f %%\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, figure(s.Cores, "cores"), s.Shares, 100*s.Portion,
			orDash(string(s.CPUSet)), figure(s.Memory, "bytes"), figure(s.Soft, "bytes"), figure(s.Swap, "bytes"), figure(s.Pids, ""), figure(s.FDs, ""))
	}
	if len(p.CPUs) > 0 {
		fmt.Fprint(t, "\nCPUS\tLOAD EACH\tSERVICES\n")
		for _, l := range p.CPUs {
			services := few(l.Services)
			if len(l.Unlimited) > 0 {
				services = strings.TrimPrefix(services+"; no limit: "+few(l.Unlimited), "-; ")
			}
			fmt.Fprintf(t, "%s\t%.0f %%\t%s\n", l.CPUs, 100*l.Load, services)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(p.Findings) > 0 {
		fmt.Fprintln(w)
	}
	for _, severity := range []string{plan.Over, plan.Note} {
		for _, f := range p.Findings {
			if f.Severity == severity {
				at := spec.Fault{Place: spec.Place{File: f.File, Line: f.Line, Column: f.Column}, Path: f.Path, Message: severity + ": " + f.Resource + ": " + f.Message}
				fmt.Fprintln(w, at)
			}
		}
	}
	return nil
}

func describeHost(h *plan.Host) string {
	cpus, memory, swap := "unknown", "unknown", "unknown"
	if h.CPUs != nil {
		cpus = fmt.Sprint(len(h.CPUs))
	}
	if h.Memory != nil {
		memory = plan.Amount(float64(*h.Memory), "bytes")
	}
	if h.Swap != nil {
		swap = plan.Amount(float64(*h.Swap), "bytes")
	}
	return fmt.Sprintf("CPUs %s, memory %s, swap %s", cpus, memory, swap)
}

// figure is a limit, or a dash where there is none.
func figure[T float64 | int64 | uint64](v *T, unit string) string {
	if v == nil {
		return "-"
	}
	return plan.Amount(float64(*v), unit)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// few lists names, and of many only the first.
func few(names []string) string {
	const shown = 6
	if len(names) > shown+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return orDash(strings.Join(names, ", "))
}
