package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"blackhole/hooks"
)

// hookCommand is what bundles name as their createRuntime and poststop hooks.
func hookCommand() *cli.Command {
	return &cli.Command{
		Name:      "hook",
		Hidden:    true,
		Usage:     "bring a container's network up or take it down; run by OCI runtimes, state on standard input",
		ArgsUsage: hooks.CreateRuntime + "|" + hooks.Poststop,
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return new(hooks.Network).Hook(c.Args().First(), os.Stdin)
		},
	}
}
