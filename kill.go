package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func killCommand() *cli.Command {
	return &cli.Command{
		Name:      "kill",
		Category:  ofOCI,
		Usage:     "send a signal to a container's first process",
		ArgsUsage: "CONTAINER-ID [SIGNAL]",
		Description: "SIGNAL is a name, with or without SIG, or a number; SIGTERM is the default. SIGKILL reaches\n" +
			"every process of the container.",
		Flags: []cli.Flag{
			// Engines still pass it; what it asked for is the rule by now, but
			// that a stopped container is no error.
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "succeed if the container has stopped", Hidden: true},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 2); err != nil {
				return err
			}
			id, name := c.Args().First(), c.Args().Get(1)
			if name == "" {
				name = "SIGTERM"
			}
			signal, err := runtime.ParseSignal(name)
			if err != nil {
				return fmt.Errorf("cannot kill container %q: %w", id, err)
			}
			err = newRuntime(c).Kill(id, signal)
			if c.Bool("all") && runtime.NotRunning(err) {
				return nil
			}
			return err
		},
	}
}
