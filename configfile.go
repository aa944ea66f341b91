//go:build !oci

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"blackhole/spec"
)

// defaultConfigs are read without --config, the first that is there.
func defaultConfigs() []string {
	return []string{"blackhole.yaml", "/etc/blackhole/blackhole.yaml"}
}

// configFlag is common to the service commands.
func configFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name:    "config",
		Aliases: []string{"c"},
		Usage: "read the services from `FILE`; of several, the later wins key by key (without: ./" +
			strings.Join(defaultConfigs(), ", else ") + ")",
	}
}

// configPaths lists the files that a command reads.
func configPaths(c *cli.Context) ([]string, error) {
	if given := c.StringSlice("config"); len(given) > 0 {
		if slices.Contains(given, "") {
			return nil, errors.New(`cannot read the configuration "": the path is empty`)
		}
		return given, nil
	}
	for _, path := range defaultConfigs() {
		// One that is there but cannot be read is reported, not passed over.
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return []string{path}, nil
		}
	}
	return nil, fmt.Errorf("cannot find a configuration: there is neither ./%s; name one with --config",
		strings.Join(defaultConfigs(), " nor "))
}

// loadConfig reads the configuration that a command was given. What is wrong in
// it comes as spec.Faults.
func loadConfig(c *cli.Context) (*spec.Config, error) {
	paths, err := configPaths(c)
	if err != nil {
		return nil, err
	}
	config, err := spec.Load(paths)
	if err != nil {
		return nil, err
	}
	return config, nil
}
