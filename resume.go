package main

import "github.com/urfave/cli/v2"

func resumeCommand() *cli.Command {
	return &cli.Command{
		Name:      "resume",
		Category:  ofOCI,
		Usage:     "let the processes of a paused container go on",
		ArgsUsage: "CONTAINER-ID",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return newRuntime(c).Resume(c.Args().First())
		},
	}
}
