// Command blackhole-top is the live view of `blackhole top`, which starts it.
// It is a program of its own because the terminal's library works at package
// init, which blackhole would pay for twice with each container.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/runtime"
	"blackhole/top/collect"
	"blackhole/top/screen"
)

func main() {
	err := run(os.Args[1:])
	var sig screen.Signal
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, &sig):
		// As who started it expects: ended by that signal.
		signal.Reset(unix.Signal(sig))
		_ = unix.Kill(unix.Getpid(), unix.Signal(sig))
		time.Sleep(time.Second)
		os.Exit(128 + int(sig))
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	f := flag.NewFlagSet("blackhole-top", flag.ContinueOnError)
	root := f.String("root", runtime.DefaultRoot("blackhole"), "`folder` that keeps the state of the containers")
	o := screen.Options{}
	f.DurationVar(&o.Delay, "delay", 2*time.Second, "between two samples")
	f.IntVar(&o.Samples, "iterations", 0, "end after so many samples; 0: never")
	f.StringVar(&o.Sort, "sort", "cpu", "`column` to sort by")
	f.BoolVar(&o.Reverse, "reverse", false, "in the other order")
	if err := f.Parse(args); err != nil {
		return err
	}
	c := collect.New(*root, f.Args())
	// What is wrong with the state folder or the names is told before the terminal
	// is taken.
	first, err := c.Sample()
	if err != nil {
		return err
	}
	if err := c.Missing(first); err != nil {
		return err
	}
	o.Source = c
	return screen.Run(o)
}
