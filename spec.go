//go:build !oci

package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"blackhole/bundle"
)

func specCommand() *cli.Command {
	return &cli.Command{
		Name:      "spec",
		Category:  ofServices,
		Usage:     "print the OCI configuration of a service, or write one to start from",
		ArgsUsage: "[SERVICE [-- PROGRAM ARGS…]]",
		Description: "With SERVICE: its config.json, as the bundle command writes it, on stdout. PROGRAM with ARGS\n" +
			"takes the place of the service's own.\n" +
			"Without: a config.json in the bundle folder that runs a shell in its rootfs, to be edited. One\n" +
			"that is there is not overwritten.",
		Flags: []cli.Flag{
			configFlag(),
			&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "the bundle, default the working directory: `FOLDER`"},
			&cli.BoolFlag{Name: "rootless", Usage: "for the present user instead of root, in a user namespace"},
		},
		Action: func(c *cli.Context) error {
			own, program, err := programArgs(c, 1)
			if err != nil {
				return err
			}
			if len(own) == 0 {
				return writeDefault(c.String("bundle"), c.Bool("rootless"))
			}
			for _, name := range []string{"bundle", "rootless"} {
				if c.IsSet(name) {
					return usageError(c, fmt.Errorf("takes --%s without a service alone", name), true)
				}
			}
			t, err := translate(c, own[0], program)
			if err != nil {
				return err
			}
			data, err := bundle.Encode(t.Config)
			if err != nil {
				return err
			}
			if _, err := c.App.Writer.Write(data); err != nil {
				return fmt.Errorf("cannot print the configuration: %w", err)
			}
			return nil
		},
	}
}

// writeDefault writes a config.json to start from. It is for everybody to read,
// as runc's is: there is nothing of anybody in it.
func writeDefault(dir string, rootless bool) error {
	config := bundle.Default()
	if rootless {
		bundle.Rootless(config, uint32(os.Geteuid()), uint32(os.Getegid()))
	}
	return bundle.WriteNew(dir, config)
}
