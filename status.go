package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"blackhole/supervisor"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Category:  serviceCommands,
		Usage:     "show the state of the services",
		ArgsUsage: "[SERVICE…]",
		Description: "With what is wrong: alerts, and the last lines of a service that failed. Without a\n" +
			"supervisor it shows what runs all the same. Exits with 3 if a service is not up, as\n" +
			"systemctl does.",
		Flags: []cli.Flag{formatFlag("text", "json")},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			p := paths(c)
			reply, err := p.Ask(supervisor.Request{Method: "status", Services: c.Args().Slice()})
			if errors.Is(err, supervisor.ErrNone) {
				reply, err = p.Unsupervised(newRuntime(c), c.Args().Slice())
			}
			if err != nil {
				return err
			}
			if format == "json" {
				e := json.NewEncoder(c.App.Writer)
				e.SetIndent("", "  ")
				err = e.Encode(reply)
			} else {
				if reply.Pid == 0 {
					fmt.Fprintln(c.App.ErrWriter, "no supervisor runs; what it left:")
				}
				err = printStatus(c.App.Writer, reply.Services)
			}
			if err == nil && (notUp(reply.Services) != nil || len(reply.Services) == 0) {
				err = exitStatus(3)
			}
			return err
		},
	}
}

// printStatus writes a table, and below it what is wrong.
func printStatus(w io.Writer, services []supervisor.ServiceStatus) error {
	t := tabwriter.NewWriter(w, 8, 1, 3, ' ', 0)
	fmt.Fprint(t, "SERVICE\tSTATE\tPID\tSINCE\tRESTARTS\tCPU\tMEMORY\tPIDS\tREASON\n")
	for _, s := range services {
		pid := "-"
		if s.Pid != 0 {
			pid = fmt.Sprint(s.Pid)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", s.Name, s.State, pid, ago(s.Since), s.Restarts, used(&s), s.Reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range services {
		for _, a := range s.Alerts {
			fmt.Fprintf(w, "%s: %s: %s since %s\n", s.Name, a.Severity, a.Kind, a.Since.Local().Format(time.TimeOnly))
		}
		if s.HealthError != "" && !strings.Contains(s.Reason, s.HealthError) {
			fmt.Fprintf(w, "%s: last health check: %s\n", s.Name, s.HealthError)
		}
		if len(s.Output) > 0 {
			fmt.Fprintf(w, "%s: its last output:\n", s.Name)
			for _, line := range s.Output {
				fmt.Fprintln(w, "    "+printable(line))
			}
		}
	}
	return nil
}

// used is the columns of what a service uses: processor time in all, memory and
// processes now.
func used(s *supervisor.ServiceStatus) string {
	cols := []string{"-", "-", "-"}
	if st := s.Stats; st != nil {
		if st.CPU != nil && st.CPU.UsageNS != nil {
			cols[0] = time.Duration(*st.CPU.UsageNS).Round(time.Millisecond).String()
		}
		if st.Memory != nil && st.Memory.Current != nil {
			cols[1] = fmt.Sprintf("%.1fM", float64(*st.Memory.Current)/(1<<20))
		}
		if st.Pids != nil && st.Pids.Current != nil {
			cols[2] = fmt.Sprint(*st.Pids.Current)
		}
	}
	return strings.Join(cols, "\t")
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < 48*time.Hour:
		return d.Truncate(time.Minute).String()[:len(d.Truncate(time.Minute).String())-2]
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// printable keeps what a service wrote from steering the terminal.
func printable(line string) string {
	if !slices.ContainsFunc([]byte(line), func(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return line
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return '.'
		}
		return r
	}, line)
}
