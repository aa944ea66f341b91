//go:build !oci

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"blackhole/internal/printable"
	"blackhole/supervisor"
)

func applyCommand() *cli.Command {
	return &cli.Command{
		Name:     "apply",
		Category: ofServices,
		Usage:    "bring the running services to the configuration as it is now",
		Description: "Prints what differs, and what becomes of each service, and then does it: limits change in\n" +
			"place, services are added and removed, and restarted only where what they are cannot change\n" +
			"while they run. A configuration with faults changes nothing. Waits until the services are up,\n" +
			"and exits with 1 if one is not or could not be changed; run again, it does what is left.\n" +
			"Without --config, the files are those that up was given.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "config", Aliases: []string{"c"}, Usage: "read the services from `FILE`; of several, the later wins key by key"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print what would be done, and do nothing"},
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
			return apply(c, format)
		},
	}
}

func apply(c *cli.Context, format string) error {
	var files []string
	for _, file := range c.StringSlice("config") {
		whole, err := filepath.Abs(file)
		if err != nil || file == "" {
			return fmt.Errorf("cannot read the configuration %q: it is no path", file)
		}
		files = append(files, whole)
	}
	p := paths(c)
	request := supervisor.Request{Method: "apply", Files: files, DryRun: true}
	plan, err := p.Ask(request)
	var faulty supervisor.Faulty
	if errors.As(err, &faulty) {
		if len(files) > 0 { // in the names that they were given here
			if _, err := loadValid(c.StringSlice("config")); err != nil {
				return err
			}
		}
		for _, line := range faulty {
			fmt.Fprintln(c.App.ErrWriter, line)
		}
		return exitStatus(1)
	}
	if err != nil {
		return hintUp(err)
	}
	if format == "text" {
		if err := printChanges(c.App.Writer, plan.Changes); err != nil {
			return err
		}
	}
	reply := plan
	if !c.Bool("dry-run") && len(plan.Changes) > 0 {
		request.DryRun, request.Plan = false, plan.Plan
		if reply, err = askPatiently(c.App.ErrWriter, p, request); err != nil {
			return err
		}
	}
	if format == "json" {
		if err := printApplied(c.App.Writer, reply); err != nil {
			return err
		}
	}
	if c.Bool("dry-run") {
		return nil
	}
	return notApplied(reply)
}

// notApplied fails for changes that could not be made, and for services that are
// not up after theirs.
func notApplied(reply *supervisor.Reply) error {
	var failed []string
	for _, change := range reply.Changes {
		if change.Error != "" {
			failed = append(failed, fmt.Sprintf("%s is as it was: %s", change.Service, change.Error))
		}
	}
	for _, s := range reply.Services {
		if s.State != supervisor.Running && s.State != supervisor.Stopped {
			failed = append(failed, fmt.Sprintf("%s is %s: %s", s.Name, s.State, s.Reason))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("cannot apply all: %s", strings.Join(failed, "; "))
}

func printApplied(w io.Writer, reply *supervisor.Reply) error {
	changes := reply.Changes
	if changes == nil {
		changes = []supervisor.Change{} // [] rather than null
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Plan     string                     `json:"plan"`
		Changes  []supervisor.Change        `json:"changes"`
		Services []supervisor.ServiceStatus `json:"services,omitempty"`
	}{reply.Plan, changes, reply.Services})
}

// printChanges writes what is going to be done, a line for each service and one
// for each key.
func printChanges(w io.Writer, changes []supervisor.Change) error {
	if len(changes) == 0 {
		_, err := fmt.Fprintln(w, "no changes")
		return err
	}
	for _, c := range changes {
		mark, what := markOf(c.Action)
		name := c.Service
		if name == "" {
			name = "resource_isolation"
		}
		fmt.Fprintf(w, "%-3s %s: %s\n", mark, name, what)
		t := tabwriter.NewWriter(w, 0, 1, 2, ' ', 0)
		for _, k := range c.Keys {
			how := "in place"
			switch {
			case k.Restart && c.Service == "":
				how = "by restarts"
			case k.Restart && c.Action == supervisor.ActionUpdate:
				how = "at its next start"
			case k.Restart:
				how = "restart"
			}
			key := k.Key
			if c.Service == "" {
				key = strings.TrimPrefix(key, "resource_isolation.")
			}
			fmt.Fprintf(t, "      %s\t%s -> %s\t(%s)\n", key, orUnset(k.Old), orUnset(k.New), how)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// markOf is as diff programs have it.
func markOf(a supervisor.Action) (mark, what string) {
	switch a {
	case supervisor.ActionAdd:
		return "+", "add"
	case supervisor.ActionRemove:
		return "-", "stop and remove"
	case supervisor.ActionRestart:
		return "-/+", "restart"
	case supervisor.ActionStart:
		return "+", "start anew"
	}
	return "~", "change in place"
}

func orUnset(text string) string {
	if text == "" {
		return "unset"
	}
	return printable.Line(text)
}
