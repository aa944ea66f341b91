package main

import (
	"encoding/json"
	"time"

	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:      "events",
		Category:  ofOCI,
		Usage:     "print OOM kills and statistics of a container as they come",
		ArgsUsage: "CONTAINER-ID",
		Description: "Each event is a line of JSON in runc's form: {\"type\":\"oom\"} for each process that the kernel\n" +
			"killed for want of memory, and {\"type\":\"stats\"} each interval. It ends with the container.",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "interval", Value: 5 * time.Second, Usage: "`TIME` between two statistics"},
			&cli.BoolFlag{Name: "stats", Usage: "print the statistics of now and end"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			id, r, out := c.Args().First(), newRuntime(c), json.NewEncoder(c.App.Writer)
			if c.Bool("stats") {
				e, err := r.StatsEvent(id)
				if err != nil {
					return err
				}
				return out.Encode(e)
			}
			return r.Events(c.Context, id, c.Duration("interval"), func(e *runtime.Event) error { return out.Encode(e) })
		},
	}
}
