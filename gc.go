package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"blackhole/hooks"
	"blackhole/recording"
	"blackhole/runtime"
)

func gcCommand() *cli.Command {
	return &cli.Command{
		Name:     "gc",
		Category: serviceCommands,
		Usage:    "remove what dead containers left behind",
		Description: "Containers under --root that a killed command left half made: their cgroups, processes, mounts and\n" +
			"state. Interfaces, addresses, names of network namespaces and firewall rules that blackhole made,\n" +
			"and whose container neither runs nor is known under --root. The folders of recordings (seccomp\n" +
			"record) that were killed. Each is printed when it is gone. A\n" +
			"container that has merely stopped is not touched.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "only print what would be removed"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			r := newRuntime(c)
			return errors.Join(gcContainers(c, r), gcNetworks(c, r), gcRecordings(c, r))
		},
	}
}

func gcContainers(c *cli.Context, r *runtime.Runtime) error {
	ids, err := r.Leftovers()
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		if !c.Bool("dry-run") {
			if err := r.Delete(id, true); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		fmt.Fprintf(c.App.Writer, "container %s, half made\n", id)
	}
	return errors.Join(errs...)
}

func gcNetworks(c *cli.Context, r *runtime.Runtime) error {
	known, err := knownIDs(r)
	if err != nil {
		return err
	}
	found, err := new(hooks.Network).Leftovers(known)
	if err != nil {
		return err
	}
	var errs []error
	for _, left := range found {
		if !c.Bool("dry-run") {
			if err := left.Remove(); err != nil {
				errs = append(errs, fmt.Errorf("cannot remove %s: %w", left.What, err))
				continue
			}
		}
		fmt.Fprintln(c.App.Writer, left.What)
	}
	return errors.Join(errs...)
}

func gcRecordings(c *cli.Context, r *runtime.Runtime) error {
	known, err := knownIDs(r)
	if err != nil {
		return err
	}
	found, err := recording.Leftovers(r.Root, known)
	if err != nil {
		return err
	}
	var errs []error
	for _, left := range found {
		if !c.Bool("dry-run") {
			if err := left.Remove(); err != nil {
				errs = append(errs, fmt.Errorf("cannot remove %s: %w", left.Dir, err))
				continue
			}
		}
		fmt.Fprintf(c.App.Writer, "recording %s\n", left.Dir)
	}
	return errors.Join(errs...)
}

// knownIDs tells of an id whether a container has it.
func knownIDs(r *runtime.Runtime) (func(id string) bool, error) {
	states, err := r.List()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // no state folder is no container
		return nil, err
	}
	known := map[string]bool{}
	for _, s := range states {
		known[s.ID] = true
	}
	return func(id string) bool { return known[id] }, nil
}
