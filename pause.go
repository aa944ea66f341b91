package main

import "github.com/urfave/cli/v2"

func pauseCommand() *cli.Command {
	return &cli.Command{
		Name:      "pause",
		Category:  ofOCI,
		Usage:     "freeze all processes of a container",
		ArgsUsage: "CONTAINER-ID",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return newRuntime(c).Pause(c.Args().First())
		},
	}
}
