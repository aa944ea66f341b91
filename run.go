package main

import (
	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Category:  ofOCI,
		Usage:     "create a container, run its program and delete it",
		ArgsUsage: "CONTAINER-ID",
		Description: "The exit code is the program's, or 128 + n if it died by signal n. All signals are handed on\n" +
			"to it. Detached, the program goes on by itself, and delete removes the container.",
		Flags: append(createFlags(),
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "return once the program runs"},
			&cli.BoolFlag{Name: "keep", Usage: "do not delete the container when the program has ended"},
			&cli.BoolFlag{Name: "no-subreaper", Usage: "do not adopt processes that the container leaves behind"},
		),
		Action: func(c *cli.Context) error {
			create, err := createOptions(c)
			if err != nil {
				return err
			}
			code, err := newRuntime(c).Run(runtime.RunOptions{
				CreateOptions: create,
				Detach:        c.Bool("detach"),
				Keep:          c.Bool("keep"),
				Subreaper:     !c.Bool("no-subreaper"),
			})
			return exited(code, err)
		},
	}
}
