//go:build !oci

package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"blackhole/supervisor"
)

func logsCommand() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Category:  ofServices,
		Usage:     "show what services wrote to their standard output and error",
		ArgsUsage: "[SERVICE…]",
		Description: "Without SERVICE of all that have a log, each line behind its service's name. It needs no\n" +
			"supervisor.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what is written from now on"},
			sinceFlag(),
			&cli.IntFlag{Name: "lines", Aliases: []string{"n", "tail"}, Value: -1, Usage: "only the last `N` lines of each"},
			&cli.BoolFlag{Name: "no-prefix", Usage: "leave the service's name out"},
		},
		Action: func(c *cli.Context) error {
			since, err := sinceOf(c)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context, unix.SIGINT, unix.SIGTERM)
			defer stop()
			names := c.Args().Slice()
			bare := c.Bool("no-prefix") || len(names) == 1
			o := supervisor.LogOptions{Services: names, Since: since, Lines: c.Int("lines"), Follow: c.Bool("follow")}
			err = paths(c).ReadLogs(ctx, o, func(service, line string) error {
				if !bare {
					line = service + " | " + line
				}
				_, err := fmt.Fprintln(c.App.Writer, line)
				return err
			})
			if errors.Is(err, unix.EPIPE) || errors.Is(err, context.Canceled) {
				return nil // who reads it has enough
			}
			return err
		},
	}
}

func sinceFlag() cli.Flag {
	return &cli.StringFlag{Name: "since", Usage: "only since `TIME`: 2006-01-02T15:04:05Z, or 10m for ten minutes ago; of logs, to the second"}
}

// sinceOf reads --since: a time, or a duration before now.
func sinceOf(c *cli.Context) (time.Time, error) {
	text := c.String("since")
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return time.Now().Add(-max(d, -d)), nil
	}
	text = strings.Replace(text, " ", "T", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("cannot use --since %q: write a time like 2006-01-02T15:04:05 or a duration like 10m", c.String("since"))
}

// hintUp adds what to do to an error that there is no supervisor.
func hintUp(err error) error {
	if errors.Is(err, supervisor.ErrNone) {
		return fmt.Errorf("cannot reach a supervisor: %w; blackhole up starts one", err)
	}
	return err
}
