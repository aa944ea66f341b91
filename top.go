//go:build !oci

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"blackhole/top"
	"blackhole/top/collect"
)

func topCommand() *cli.Command {
	return &cli.Command{
		Name:      "top",
		Category:  ofServices,
		Usage:     "watch what services and containers use",
		ArgsUsage: "[SERVICE…]",
		Description: "A live view of all containers in the state folder, supervised or not: CPU and throttling,\n" +
			"memory against its limits, disks, network and drops, descriptors, processes, pressure,\n" +
			"restarts, alerts. The columns are those that the terminal has room for; left and right\n" +
			"show the others, Enter a page of one container, ? the keys. With --batch it prints tables,\n" +
			"with all columns unless --width says otherwise. status shows it once.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "delay", Aliases: []string{"d"}, Value: "2s", Usage: "`TIME` from one sample to the next: seconds, or a duration like 500ms"},
			&cli.StringFlag{Name: "sort", Aliases: []string{"o"}, Value: "cpu", Usage: "`COLUMN` to sort by, as name, cpu, memory%, io, net, alerts; an unknown one lists all"},
			&cli.BoolFlag{Name: "reverse", Aliases: []string{"r"}, Usage: "sort the other way round"},
			&cli.BoolFlag{Name: "batch", Aliases: []string{"b"}, Usage: "print tables instead, for files and pipes"},
			&cli.IntFlag{Name: "iterations", Aliases: []string{"n"}, Usage: "end after `N` samples with rates; 0 is never"},
			&cli.IntFlag{Name: "width", Aliases: []string{"w"}, Usage: "with --batch, the columns that `N` characters have room for"},
			formatFlag("text", "json"),
		},
		Action: func(c *cli.Context) error {
			o, err := topOptionsOf(c)
			if err != nil {
				return err
			}
			if o.batch {
				return topBatch(c, o)
			}
			return topLive(c, o)
		},
	}
}

// topOptions are top's flags.
type topOptions struct {
	delay             time.Duration
	iterations, width int
	sort              string
	reverse           bool
	batch, json       bool
}

// leastDelay keeps the view from being the load that it shows.
const leastDelay = 100 * time.Millisecond

func topOptionsOf(c *cli.Context) (o topOptions, err error) {
	text := c.String("delay")
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		text = fmt.Sprintf("%fs", s)
	}
	if o.delay, err = time.ParseDuration(text); err != nil || o.delay < leastDelay || o.delay > time.Hour {
		return o, fmt.Errorf("cannot use --delay %q: write seconds or a duration, from 100ms to 1h", c.String("delay"))
	}
	o.sort, o.reverse, o.batch = c.String("sort"), c.Bool("reverse"), c.Bool("batch")
	if _, err := top.ColumnNamed(o.sort); err != nil {
		return o, fmt.Errorf("cannot use --sort %q: %w", o.sort, err)
	}
	if o.iterations = c.Int("iterations"); o.iterations < 0 {
		return o, fmt.Errorf("cannot use --iterations %d: it is 0 or more", o.iterations)
	}
	if o.width = c.Int("width"); c.IsSet("width") && o.width < leastWidth {
		return o, fmt.Errorf("cannot use --width %d: it is %d or more", o.width, leastWidth)
	}
	format, err := formatOf(c, "text", "json")
	if err != nil {
		return o, err
	}
	o.json = format == "json"
	for _, flag := range []string{"width", "format"} {
		if c.IsSet(flag) && !o.batch {
			return o, fmt.Errorf("cannot use --%s without --batch", flag)
		}
	}
	return o, nil
}

// leastWidth has room for the name and a little.
const leastWidth = 20

// topBatch prints samples. The first has no rates and is not shown: the second
// follows it soon.
func topBatch(c *cli.Context, o topOptions) error {
	ctx, stop := signal.NotifyContext(c.Context, unix.SIGINT, unix.SIGTERM)
	defer stop()
	source := collect.New(c.String("root"), c.Args().Slice())
	model := top.Model{Sort: o.sort, Reverse: o.reverse}
	for n, wait := 0, min(o.delay, 500*time.Millisecond); ; n, wait = n+1, o.delay {
		begun := time.Now()
		sample, err := source.Sample()
		if err == nil && n == 0 {
			err = source.Missing(sample)
		}
		if err != nil {
			return err
		}
		model.Add(sample)
		if n > 0 {
			if err := printSample(c.App.Writer, &model, o, n > 1); err != nil {
				if errors.Is(err, unix.EPIPE) {
					return nil // who reads it has enough
				}
				return err
			}
		}
		if o.iterations > 0 && n == o.iterations || !sleep(ctx, top.Pause(wait, time.Since(begun))) {
			return nil
		}
	}
}

// sleep is false where it was interrupted.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// printSample writes a sample as one write, so that a reader sees whole ones.
func printSample(w io.Writer, m *top.Model, o topOptions, gap bool) error {
	var b bytes.Buffer
	if o.json {
		data, err := m.JSON()
		if err != nil {
			return err
		}
		b.Write(append(data, '\n'))
	} else {
		if gap {
			b.WriteByte('\n')
		}
		t := m.Table(m.Rows(), o.width, 0)
		summary := m.Summary().String()
		if o.width > 0 {
			summary = top.Cut(summary, o.width)
		}
		fmt.Fprintln(&b, summary)
		for _, line := range append([]top.Line{t.Head}, t.Rows...) {
			fmt.Fprintln(&b, line)
		}
		for _, problem := range m.Sample().Problems {
			fmt.Fprintln(&b, "problem: "+problem)
		}
		if t.Shown < t.All {
			fmt.Fprintf(&b, "%d of %d columns\n", t.Shown, t.All)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// topLive becomes the program of the live view.
func topLive(c *cli.Context, o topOptions) error {
	for _, f := range []*os.File{os.Stdin, os.Stdout} {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
			return errors.New("cannot show a live view: standard input and output are not a terminal; " +
				"blackhole status shows it once, blackhole top --batch goes on")
		}
	}
	path, err := companion(topName)
	if err != nil {
		return fmt.Errorf("cannot show a live view: %w; blackhole top --batch needs none", err)
	}
	args := []string{
		path, "--root", c.String("root"), "--delay", o.delay.String(),
		"--sort", o.sort, "--reverse=" + strconv.FormatBool(o.reverse),
		"--iterations", strconv.Itoa(o.iterations), "--",
	}
	if err := unix.Exec(path, append(args, c.Args().Slice()...), os.Environ()); err != nil {
		return fmt.Errorf("cannot run %s: %w", path, err)
	}
	return nil
}
