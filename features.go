package main

import (
	"encoding/json"

	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func featuresCommand() *cli.Command {
	return &cli.Command{
		Name:     "features",
		Category: ofOCI,
		Usage:    "print what this runtime can do as JSON",
		Description: "The form is that of features.md in the OCI runtime specification. It is about the runtime\n" +
			"alone: what the host lacks is not left out.",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			f := runtime.Features()
			f.Annotations["io.blackhole.version"] = version
			if commit != "" {
				f.Annotations["io.blackhole.commit"] = commit
			}
			e := json.NewEncoder(c.App.Writer)
			e.SetIndent("", "    ")
			return e.Encode(f)
		},
	}
}
