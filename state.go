package main

import (
	"encoding/json"

	"github.com/urfave/cli/v2"

	"blackhole/hooks/params"
	"blackhole/netstats"
)

func stateCommand() *cli.Command {
	return &cli.Command{
		Name:      "state",
		Category:  ofOCI,
		Usage:     "print the state of a container as JSON",
		ArgsUsage: "CONTAINER-ID",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			state, err := newRuntime(c).State(c.Args().First())
			if err != nil {
				return err
			}
			// The hooks know a container by its annotations, and without any have
			// made nothing.
			if state.Stats != nil && params.Any(state.Annotations) {
				if state.Stats.Network, err = netstats.Of(state.ID); err != nil {
					return err
				}
			}
			data, err := json.MarshalIndent(state, "", "  ")
			if err != nil {
				return err
			}
			// Without a newline at the end, as runc.
			_, err = c.App.Writer.Write(data)
			return err
		},
	}
}
