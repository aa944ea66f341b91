package main

import (
	"encoding/json"

	"github.com/urfave/cli/v2"

	"blackhole/hooks"
	"blackhole/runtime"
)

func stateCommand() *cli.Command {
	return &cli.Command{
		Name:      "state",
		Category:  ociCommands,
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
			all := stateWithStats{State: state}
			if state.Status != "stopped" {
				network, err := new(hooks.Network).Stats(state.ID)
				if err != nil {
					return err
				}
				if network != nil {
					all.Stats = &containerStats{Network: network}
				}
			}
			data, err := json.MarshalIndent(all, "", "  ")
			if err != nil {
				return err
			}
			// Without a newline at the end, as runc.
			_, err = c.App.Writer.Write(data)
			return err
		},
	}
}

// stateWithStats is the OCI state with what the container uses beside it, while
// it runs.
type stateWithStats struct {
	*runtime.State
	Stats *containerStats `json:"stats,omitempty"`
}

type containerStats struct {
	Network *hooks.Stats `json:"network,omitempty"`
}
