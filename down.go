//go:build !oci

package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"blackhole/supervisor"
)

func downCommand() *cli.Command {
	return &cli.Command{
		Name:      "down",
		Category:  ofServices,
		Usage:     "stop services",
		ArgsUsage: "[SERVICE…]",
		Description: "In the reverse order of their dependencies, each by its stop signal and, after its\n" +
			"timeout, SIGKILL. Without SERVICE all, and the supervisor too; of a supervisor that died,\n" +
			"what it left is stopped. A service that was stopped is started again by restart.",
		Action: func(c *cli.Context) error {
			p, names := paths(c), c.Args().Slice()
			request := supervisor.Request{Method: "stop", Services: names}
			if len(names) == 0 {
				request.Method = "end"
			}
			reply, err := askPatiently(c.App.ErrWriter, p, request)
			if errors.Is(err, supervisor.ErrNone) {
				return p.StopUnsupervised(newRuntime(c), names)
			}
			if err == nil && len(names) == 0 {
				if err = supervisor.AwaitEnd(reply.Pid); err == nil && p.Unfinished() {
					err = p.StopUnsupervised(newRuntime(c), nil)
				}
			}
			return err
		},
	}
}
