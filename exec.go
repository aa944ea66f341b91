package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func execCommand() *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Category:  ofOCI,
		Usage:     "run another program in a container",
		ArgsUsage: "CONTAINER-ID PROGRAM ARGS…, or --process FILE CONTAINER-ID",
		Description: "The process is like the container's first, with what the flags change; it is in the same\n" +
			"namespaces and cgroups. The exit code is the program's, or 128 + n if it died by signal n;\n" +
			"255 if it could not be started. All signals are handed on to it. Flags stand before the id.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "console-socket", Usage: "Unix socket that receives the master end of the process's terminal: `PATH`"},
			&cli.StringFlag{Name: "pidfd-socket", Usage: "Unix socket that receives a pidfd of the process: `PATH`"},
			&cli.StringFlag{Name: "cwd", Usage: "working directory in the container: `FOLDER`"},
			&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "add `NAME=VALUE` to the environment"},
			&cli.BoolFlag{Name: "tty", Aliases: []string{"t"}, Usage: "give the process a terminal"},
			&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "`UID[:GID]` of the process"},
			&cli.Int64SliceFlag{Name: "additional-gids", Aliases: []string{"g"}, Usage: "add a supplementary group: `GID`"},
			&cli.StringFlag{Name: "process", Aliases: []string{"p"}, Usage: "read the whole process, as config.json has it, from `FILE`"},
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "return once the program runs"},
			&cli.StringFlag{Name: "pid-file", Usage: "write the process's id to `FILE`"},
			&cli.StringFlag{Name: "process-label", Usage: "SELinux `LABEL` of the process"},
			&cli.StringFlag{Name: "apparmor", Usage: "AppArmor `PROFILE` of the process"},
			&cli.BoolFlag{Name: "no-new-privs", Usage: "keep the process from gaining privileges, or with =false do not"},
			&cli.StringSliceFlag{Name: "cap", Aliases: []string{"c"}, Usage: "add `CAPABILITY` to what the process may"},
			&cli.IntFlag{Name: "preserve-fds", Usage: "hand `N` more descriptors to the process, after the standard three"},
			&cli.StringSliceFlag{Name: "cgroup", Usage: "put it into a cgroup below the container's: `[CONTROLLER:]PATH`"},
			&cli.BoolFlag{Name: "ignore-paused", Usage: "also into a paused container, where it waits"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 0); err != nil {
				return err // 1, as runc
			}
			o, err := execOptions(c)
			if err != nil {
				return cli.Exit(fmt.Errorf("cannot exec in container %q: %w", o.ID, err), 255)
			}
			o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
			code, err := newRuntime(c).Exec(o)
			if err != nil {
				return cli.Exit(err, 255)
			}
			return exited(code, nil)
		},
	}
}

// execOptions reads exec's flags.
func execOptions(c *cli.Context) (runtime.ExecOptions, error) {
	o := runtime.ExecOptions{
		ID:            c.Args().First(),
		ProcessFile:   c.String("process"),
		Cgroups:       c.StringSlice("cgroup"),
		IgnorePaused:  c.Bool("ignore-paused"),
		Detach:        c.Bool("detach"),
		PidFile:       c.String("pid-file"),
		ConsoleSocket: c.String("console-socket"),
		PidfdSocket:   c.String("pidfd-socket"),
		Override: runtime.ProcessOverride{
			Args:           c.Args().Tail(),
			Cwd:            c.String("cwd"),
			Env:            c.StringSlice("env"),
			User:           c.String("user"),
			AdditionalGids: c.Int64Slice("additional-gids"),
			Capabilities:   c.StringSlice("cap"),
			AppArmor:       c.String("apparmor"),
			SelinuxLabel:   c.String("process-label"),
			Terminal:       c.Bool("tty"),
		},
	}
	if c.IsSet("no-new-privs") {
		set := c.Bool("no-new-privs")
		o.Override.NoNewPrivileges = &set
	}
	var err error
	if o.PidFile != "" {
		if o.PidFile, err = filepath.Abs(o.PidFile); err != nil {
			return o, err
		}
	}
	// Descriptors of $LISTEN_FDS are the first process's alone.
	o.ExtraFiles, err = inheritedFiles(3, c.Int("preserve-fds"))
	return o, err
}
