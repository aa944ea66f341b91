package main

import (
	"encoding/json"
	"io"

	"github.com/urfave/cli/v2"
)

func psCommand() *cli.Command {
	return &cli.Command{
		Name:      "ps",
		Category:  ofOCI,
		Usage:     "list the processes of a container",
		ArgsUsage: "CONTAINER-ID [PS-OPTIONS…]",
		Description: "PS-OPTIONS are those of ps(1), default -ef; its output must have the column PID. As JSON it is\n" +
			"the process ids alone.",
		Flags: []cli.Flag{&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "`FORMAT`: table or json"}},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 0); err != nil {
				return err
			}
			format, err := formatOf(c, "table", "json")
			if err != nil {
				return err
			}
			id := c.Args().First()
			if format == "json" {
				pids, err := newRuntime(c).Processes(id)
				if err != nil {
					return err
				}
				return json.NewEncoder(c.App.Writer).Encode(pids)
			}
			table, err := newRuntime(c).ProcessTable(id, c.Args().Tail())
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.App.Writer, table)
			return err
		},
	}
}
