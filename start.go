package main

import (
	"os"

	"github.com/urfave/cli/v2"
)

func startCommand() *cli.Command {
	return &cli.Command{
		Name:      "start",
		Category:  ofOCI,
		Usage:     "let the program of a created container run",
		ArgsUsage: "CONTAINER-ID",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return newRuntime(c).Start(c.Args().First(), os.Getenv("NOTIFY_SOCKET"))
		},
	}
}
