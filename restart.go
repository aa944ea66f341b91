//go:build !oci

package main

import (
	"github.com/urfave/cli/v2"

	"blackhole/supervisor"
)

func restartCommand() *cli.Command {
	return &cli.Command{
		Name:      "restart",
		Category:  ofServices,
		Usage:     "end services in good order and start them anew",
		ArgsUsage: "[SERVICE…]",
		Description: "Without SERVICE all. One that is stopped or has failed is started. Waits until they are\n" +
			"up, and exits with 1 if one is not. The configuration is the supervisor's.",
		Action: func(c *cli.Context) error {
			reply, err := askPatiently(c.App.ErrWriter, paths(c), supervisor.Request{Method: "restart", Services: c.Args().Slice()})
			if err != nil {
				return hintUp(err)
			}
			if err := printStatus(c.App.Writer, reply.Services); err != nil {
				return err
			}
			return notUp(reply.Services)
		},
	}
}
