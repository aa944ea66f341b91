//go:build !oci

package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"blackhole/spec"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name:      "config",
		Category:  ofServices,
		Usage:     "print the configuration with all defaults merged in",
		ArgsUsage: "[SERVICE]",
		Description: "Without SERVICE it prints the whole configuration. The result is a configuration file\n" +
			"itself, and means the same.",
		Flags: []cli.Flag{
			configFlag(),
			formatFlag("yaml", "json"),
			&cli.BoolFlag{Name: "schema", Usage: "print the JSON Schema of configuration files instead, for editors"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 1); err != nil {
				return err
			}
			format, err := formatOf(c, "yaml", "json")
			if err != nil {
				return err
			}
			out, err := printedConfig(c, spec.Format(format))
			if err != nil {
				return err
			}
			if _, err := c.App.Writer.Write(out); err != nil {
				return fmt.Errorf("cannot print the configuration: %w", err)
			}
			return nil
		},
	}
}

func printedConfig(c *cli.Context, format spec.Format) ([]byte, error) {
	if c.Bool("schema") {
		if c.NArg() > 0 {
			return nil, fmt.Errorf("cannot print the schema of one service, %q: there is one schema", c.Args().First())
		}
		return spec.Schema()
	}
	config, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	return config.Render(c.Args().First(), format)
}
