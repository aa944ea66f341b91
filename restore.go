package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name:      "restore",
		Category:  ofOCI,
		Usage:     "make a container from what checkpoint saved, and let it go on",
		ArgsUsage: "CONTAINER-ID",
		Description: "The bundle is the container's own, or one like it. In all else it is like run; criu's own\n" +
			"account is in the log restore.log.",
		Flags: append(criuFlags(),
			&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "the bundle, default the working directory: `FOLDER`"},
			&cli.StringFlag{Name: "console-socket", Usage: "Unix socket that receives the master end of the container's terminal: `PATH`"},
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "return once the program runs"},
			&cli.StringFlag{Name: "pid-file", Usage: "write the id of the container's first process to `FILE`"},
			&cli.BoolFlag{Name: "no-subreaper", Usage: "do not adopt processes that the container leaves behind"},
			&cli.BoolFlag{Name: "no-pivot", Usage: "enter the root file system by chroot, less safe, where it is on a ramdisk"},
			&cli.StringFlag{Name: "lsm-profile", Usage: "`TYPE:NAME` instead of the profile in the images"},
			&cli.StringFlag{Name: "lsm-mount-context", Usage: "`CONTEXT` instead of that of the mounts in the images"},
		),
		Action: func(c *cli.Context) error {
			images, err := criuOptions(c) // before the bundle is entered
			if err != nil {
				return fmt.Errorf("cannot restore container %q: %w", c.Args().First(), err)
			}
			create, err := createOptions(c)
			if err != nil {
				return err
			}
			code, err := newRuntime(c).Restore(runtime.RunOptions{
				CreateOptions: create,
				Detach:        c.Bool("detach"),
				Subreaper:     !c.Bool("no-subreaper"),
			}, images)
			return exited(code, err)
		},
	}
}
