package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"blackhole/hooks"
)

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name:      "delete",
		Category:  ofOCI,
		Usage:     "remove a container that has stopped, and all that it holds",
		ArgsUsage: "CONTAINER-ID",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "kill it first if it runs; succeed if it does not exist"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			id := c.Args().First()
			err := newRuntime(c).Delete(id, c.Bool("force"))
			if err != nil || !c.Bool("force") {
				return err
			}
			// A poststop hook that failed was a warning, to this command or to
			// one before it, and what it was to remove is still there.
			if err := new(hooks.Network).RemoveAbandoned(id); err != nil {
				return fmt.Errorf("cannot delete container %q: %w", id, err)
			}
			return nil
		},
	}
}
