package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"blackhole/hooks"
)

func gcCommand() *cli.Command {
	return &cli.Command{
		Name:     "gc",
		Category: serviceCommands,
		Usage:    "remove what dead containers left of their networks",
		Description: "Interfaces, addresses, names of network namespaces and firewall rules that blackhole made, and\n" +
			"whose container neither runs nor is known under --root. Each is printed when it is gone.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "only print what would be removed"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			states, err := newRuntime(c).List()
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // no state folder is no container
				return err
			}
			known := map[string]bool{}
			for _, s := range states {
				known[s.ID] = true
			}
			found, err := new(hooks.Network).Leftovers(func(id string) bool { return known[id] })
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
		},
	}
}
