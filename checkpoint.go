package main

import (
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func checkpointCommand() *cli.Command {
	return &cli.Command{
		Name:      "checkpoint",
		Category:  ofOCI,
		Usage:     "save the processes of a running container, to be restored later",
		ArgsUsage: "CONTAINER-ID",
		Description: "It takes criu(8). The container is removed unless it is left running, and runs on if it cannot\n" +
			"be saved; criu's own account is in the log dump.log.",
		Flags: append(criuFlags(),
			&cli.StringFlag{Name: "parent-path", Usage: "images of an earlier --pre-dump, relative to --image-path: `FOLDER`"},
			&cli.BoolFlag{Name: "leave-running", Usage: "let the container run on"},
			&cli.BoolFlag{Name: "pre-dump", Usage: "save memory alone, to save less later; the container runs on"},
			&cli.BoolFlag{Name: "tcp-skip-in-flight", Usage: "pass over TCP connections that are being made"},
			&cli.BoolFlag{Name: "link-remap", Usage: "give open files without a name one for the time"},
			&cli.IntFlag{Name: "status-fd", Value: -1, Usage: "write \\0 to descriptor `N` once lazy pages can be asked for"},
			&cli.StringFlag{Name: "page-server", Usage: "send memory to `ADDRESS:PORT`"},
		),
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			id := c.Args().First()
			o, err := criuOptions(c)
			if err != nil {
				return fmt.Errorf("cannot checkpoint container %q: %w", id, err)
			}
			return newRuntime(c).Checkpoint(id, o)
		},
	}
}

// criuFlags are common to checkpoint and restore.
func criuFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "image-path", Usage: "the images, default ./checkpoint: `FOLDER`"},
		&cli.StringFlag{Name: "work-path", Usage: "criu's logs and statistics, default the images': `FOLDER`"},
		&cli.BoolFlag{Name: "tcp-established", Usage: "include open TCP connections"},
		&cli.BoolFlag{Name: "ext-unix-sk", Usage: "allow Unix sockets whose other end is outside"},
		&cli.BoolFlag{Name: "shell-job", Usage: "allow a terminal that is the caller's"},
		&cli.BoolFlag{Name: "file-locks", Usage: "include file locks"},
		&cli.StringFlag{Name: "manage-cgroups-mode", Usage: "`MODE`: soft, full, strict or ignore (default soft)"},
		&cli.StringSliceFlag{Name: "empty-ns", Usage: "make this namespace without its contents: `network`"},
		&cli.BoolFlag{Name: "auto-dedup", Usage: "drop memory from images that a later one has too"},
		&cli.BoolFlag{Name: "lazy-pages", Usage: "bring memory over when it is used"},
	}
}

func criuOptions(c *cli.Context) (runtime.CriuOptions, error) {
	o := runtime.CriuOptions{
		Images:          c.String("image-path"),
		Work:            c.String("work-path"),
		Parent:          c.String("parent-path"),
		LeaveRunning:    c.Bool("leave-running"),
		PreDump:         c.Bool("pre-dump"),
		TCPEstablished:  c.Bool("tcp-established"),
		TCPSkipInFlight: c.Bool("tcp-skip-in-flight"),
		LinkRemap:       c.Bool("link-remap"),
		ExtUnixSk:       c.Bool("ext-unix-sk"),
		ShellJob:        c.Bool("shell-job"),
		FileLocks:       c.Bool("file-locks"),
		AutoDedup:       c.Bool("auto-dedup"),
		LazyPages:       c.Bool("lazy-pages"),
		StatusFd:        c.Int("status-fd"),
		PageServer:      c.String("page-server"),
		CgroupsMode:     c.String("manage-cgroups-mode"),
		EmptyNs:         c.StringSlice("empty-ns"),
		LSMProfile:      c.String("lsm-profile"),
		LSMMountContext: c.String("lsm-mount-context"),
	}
	if o.Images == "" {
		o.Images = "checkpoint"
	}
	var err error
	for _, path := range []*string{&o.Images, &o.Work} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return o, err
		}
	}
	return o, nil
}
