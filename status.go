//go:build !oci

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"blackhole/internal/printable"
	"blackhole/netstats"
	"blackhole/supervisor"
	"blackhole/top"
	"blackhole/top/collect"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Category:  ofServices,
		Usage:     "show the state of the services and what they use",
		ArgsUsage: "[SERVICE…]",
		Description: "With what is wrong: alerts, and the last lines of a service that failed. Without a\n" +
			"supervisor it shows what runs all the same, and of the state folder's other containers\n" +
			"the same figures. They are of now or in all; top shows them by the second. On a terminal\n" +
			"the columns are those that there is room for. Exits with 3 if a service is not up, as\n" +
			"systemctl does.",
		Flags: []cli.Flag{formatFlag("text", "json")},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			s, err := readStatus(c, c.Args().Slice())
			if err != nil {
				return err
			}
			if format == "json" {
				e := json.NewEncoder(c.App.Writer)
				e.SetIndent("", "  ")
				err = e.Encode(s)
			} else {
				if s.Pid == 0 {
					fmt.Fprintln(c.App.ErrWriter, "no supervisor runs; what it left:")
				}
				err = printStatus(c.App.Writer, slices.Concat(s.Services, s.Containers))
			}
			if err == nil && !s.allUp(c.NArg() > 0) {
				err = exitStatus(3)
			}
			return err
		},
	}
}

// statusReply is the supervisor's reply, and beside it the containers that are
// no services.
type statusReply struct {
	*supervisor.Reply
	Containers []supervisor.ServiceStatus `json:"containers,omitempty"`
}

// allUp: containers count where they were asked for by name.
func (s *statusReply) allUp(named bool) bool {
	if !named {
		return len(s.Services) > 0 && notUp(s.Services) == nil
	}
	return notUp(slices.Concat(s.Services, s.Containers)) == nil
}

// readStatus asks the supervisor, or reads what the last one left, and adds what
// only this side knows.
func readStatus(c *cli.Context, names []string) (*statusReply, error) {
	ask := func(names ...string) (*supervisor.Reply, error) {
		reply, err := paths(c).Ask(supervisor.Request{Method: "status", Services: names})
		if errors.Is(err, supervisor.ErrNone) {
			return paths(c).Unsupervised(newRuntime(c), names)
		}
		return reply, err
	}
	reply, err := ask()
	if err != nil {
		return nil, err
	}
	s := &statusReply{Reply: reply}
	if s.Containers, err = otherContainers(c, reply); err != nil {
		return nil, err
	}
	if len(names) > 0 {
		unwanted := func(one supervisor.ServiceStatus) bool { return !slices.Contains(names, one.Name) }
		s.Services = slices.DeleteFunc(s.Services, unwanted)
		s.Containers = slices.DeleteFunc(s.Containers, unwanted)
		for _, name := range names {
			if !slices.ContainsFunc(slices.Concat(s.Services, s.Containers), func(one supervisor.ServiceStatus) bool { return one.Name == name }) {
				if _, err := ask(name); err != nil { // it says why there is none
					return nil, err
				}
			}
		}
	}
	for _, services := range [][]supervisor.ServiceStatus{s.Services, s.Containers} {
		for i := range services {
			if one := &services[i]; one.Stats != nil {
				// Of one that ends meanwhile nothing.
				one.Stats.Network, _ = netstats.Of(one.Name)
			}
		}
	}
	return s, nil
}

// otherContainers are those of the state folder that are none of the services.
func otherContainers(c *cli.Context, reply *supervisor.Reply) ([]supervisor.ServiceStatus, error) {
	rt := newRuntime(c)
	states, err := rt.List()
	if errors.Is(err, fs.ErrPermission) && reply.Pid != 0 {
		return nil, nil // the supervisor's group may ask it, and may not look for itself
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var others []supervisor.ServiceStatus
	for _, state := range states {
		if slices.ContainsFunc(reply.Services, func(s supervisor.ServiceStatus) bool { return s.Name == state.ID }) {
			continue
		}
		one := supervisor.ServiceStatus{Name: state.ID, State: supervisor.State(state.Status), Since: state.Created, Pid: state.Pid}
		if state.Pid != 0 {
			now, err := rt.State(state.ID)
			if err != nil {
				if _, gone := os.Stat(filepath.Join(rt.Root, state.ID)); gone == nil { // else deleted meanwhile
					rt.Warn(err)
				}
				continue
			}
			one.State, one.Pid, one.Stats = supervisor.State(now.Status), now.Pid, now.Stats
		}
		others = append(others, one)
	}
	return others, nil
}

// printStatus writes a table, and below it what is wrong.
func printStatus(w io.Writer, services []supervisor.ServiceStatus) error {
	t := top.Totals(collect.Services(services), widthOf(w))
	for _, line := range append([]top.Line{t.Head}, t.Rows...) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if t.Shown < t.All {
		fmt.Fprintf(w, "%d of %d columns\n", t.Shown, t.All)
	}
	for _, s := range services {
		for _, a := range s.Alerts {
			fmt.Fprintf(w, "%s: %s: %s since %s\n", s.Name, a.Severity, a.Kind, a.Since.Local().Format(time.TimeOnly))
		}
		if s.HealthError != "" && !strings.Contains(s.Reason, s.HealthError) {
			fmt.Fprintf(w, "%s: last health check: %s\n", s.Name, printable.Line(s.HealthError))
		}
		if len(s.Output) > 0 {
			fmt.Fprintf(w, "%s: its last output:\n", s.Name)
			for _, line := range s.Output {
				fmt.Fprintln(w, "    "+printable.Line(line))
			}
		}
	}
	return nil
}

// widthOf is a terminal's width in characters, 0 for what is none.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}
