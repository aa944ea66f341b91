package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"blackhole/internal/printable"
	"blackhole/runtime"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:     "list",
		Category: ofOCI,
		Usage:    "list the containers in the state folder (--root)",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "`FORMAT`: table or json"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print the ids alone"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			format := c.String("format")
			if format != "table" && format != "json" {
				return fmt.Errorf("cannot list containers: --format %q is not table or json", format)
			}
			states, err := newRuntime(c).List()
			if errors.Is(err, fs.ErrNotExist) && !c.IsSet("root") {
				err = nil // nothing was ever created
			}
			if err != nil {
				return err
			}
			return printList(c.App.Writer, states, format, c.Bool("quiet"))
		},
	}
}

// printList has runc's forms, character by character.
func printList(w io.Writer, states []runtime.State, format string, quiet bool) error {
	switch {
	case quiet:
		for _, s := range states {
			fmt.Fprintln(w, s.ID)
		}
		return nil
	case format == "json":
		return json.NewEncoder(w).Encode(states)
	}
	t := tabwriter.NewWriter(w, 12, 1, 3, ' ', 0)
	fmt.Fprint(t, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, s := range states {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, printable.Line(s.Bundle), s.Created.Format(time.RFC3339Nano), s.Owner)
	}
	return t.Flush()
}
