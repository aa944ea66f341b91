//go:build !oci

package main

import (
	"errors"
	"fmt"
	"os/signal"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"blackhole/internal/printable"
	"blackhole/supervisor"
)

func alertsCommand() *cli.Command {
	return &cli.Command{
		Name:      "alerts",
		Category:  ofServices,
		Usage:     "show what went wrong with services, and when it was over",
		ArgsUsage: "[SERVICE…]",
		Description: "From the event log, oldest first; needs no supervisor. Of what is wrong now, status tells\n" +
			"too. The format json is the event log's own, one object a line.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with those to come"},
			sinceFlag(),
			formatFlag("text", "json"),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			since, err := sinceOf(c)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context, unix.SIGINT, unix.SIGTERM)
			defer stop()
			o := supervisor.EventOptions{Type: "alert", Services: c.Args().Slice(), Since: since, Follow: c.Bool("follow")}
			err = paths(c).ReadEvents(ctx, o, func(e *supervisor.Event, line []byte) error {
				if format == "json" {
					_, err := c.App.Writer.Write(line)
					return err
				}
				_, err := fmt.Fprintf(c.App.Writer, "%s  %-8s  %s: %s\n", e.Time.Local().Format(time.DateTime), e.Status, e.Service, printable.Line(e.Message))
				return err
			})
			if errors.Is(err, unix.EPIPE) {
				return nil // who reads it has enough
			}
			return err
		},
	}
}
