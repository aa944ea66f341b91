//go:build !oci

package main

import (
	"github.com/urfave/cli/v2"

	"blackhole/bundle"
)

func bundleCommand() *cli.Command {
	return &cli.Command{
		Name:      "bundle",
		Category:  ofServices,
		Usage:     "write a service as a bundle that any OCI runtime runs",
		ArgsUsage: "SERVICE FOLDER [-- PROGRAM ARGS…]",
		Description: "FOLDER is made, or empty, or a bundle that this command wrote: then it is brought up to\n" +
			"date. The service's writable folders are made too where they are missing. The bundle is\n" +
			"for this host: its root file system is a view of the host's, or the folder that rootfs names.\n" +
			"PROGRAM with ARGS takes the place of the service's own.",
		Flags: []cli.Flag{configFlag()},
		Action: func(c *cli.Context) error {
			own, program, err := programArgs(c, 2)
			if err != nil {
				return err
			}
			if len(own) != 2 {
				return wantArgs(c, 2, 2)
			}
			t, err := translate(c, own[0], program)
			if err != nil {
				return err
			}
			return bundle.Write(own[1], contents(t))
		},
	}
}
