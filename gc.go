//go:build !oci

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
		Category: ofServices,
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
			err := gcContainers(c, r)
			known, listErr := knownIDs(r) // of what is left now
			if listErr != nil {
				return errors.Join(err, listErr)
			}
			return errors.Join(err, gcNetworks(c, known), gcRecordings(c, r.Root, known))
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
		errs = append(errs, gcOne(c, "container "+id+", half made", func() error { return r.Delete(id, true) }))
	}
	return errors.Join(errs...)
}

func gcNetworks(c *cli.Context, known func(id string) bool) error {
	found, err := new(hooks.Network).Leftovers(known)
	if err != nil {
		return err
	}
	var errs []error
	for _, left := range found {
		errs = append(errs, gcOne(c, left.What, func() error {
			if err := left.Remove(); err != nil {
				return fmt.Errorf("cannot remove %s: %w", left.What, err)
			}
			return nil
		}))
	}
	return errors.Join(errs...)
}

func gcRecordings(c *cli.Context, root string, known func(id string) bool) error {
	found, err := recording.Leftovers(root, known)
	if err != nil {
		return err
	}
	var errs []error
	for _, left := range found {
		errs = append(errs, gcOne(c, "recording "+left.Dir, left.Remove))
	}
	return errors.Join(errs...)
}

// gcOne removes one thing and prints what it was, or with --dry-run only that.
func gcOne(c *cli.Context, what string, remove func() error) error {
	if !c.Bool("dry-run") {
		if err := remove(); err != nil {
			return err
		}
	}
	fmt.Fprintln(c.App.Writer, what)
	return nil
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
