//go:build !oci

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"blackhole/spec"
	"blackhole/spec/host"
)

func validateCommand() *cli.Command {
	return &cli.Command{
		Name:     "validate",
		Category: ofServices,
		Usage:    "say everything that is wrong in a configuration, and what this host lacks for it",
		Description: "Each fault is one line on stderr, FILE:LINE:COLUMN: KEY: MESSAGE, and the exit code 1.\n" +
			"What the host cannot do though the services run is a warning.",
		Flags: []cli.Flag{
			configFlag(),
			&cli.BoolFlag{Name: "offline", Usage: "leave the host out: its users, CPUs, disks, programs and cgroups"},
			formatFlag("text", "json"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			paths, err := configPaths(c)
			if err != nil {
				return err
			}
			v := validation{paths: paths, offline: c.Bool("offline")}
			if err := v.run(host.New()); err != nil {
				return err
			}
			return v.report(format, c.App.Writer, c.App.ErrWriter)
		},
	}
}

// validation is one run of validate.
type validation struct {
	paths   []string
	offline bool

	services int
	faults   spec.Faults
	warnings []spec.Fault
}

// run fills in what it found. Its error is not about the configuration.
func (v *validation) run(h spec.Host) error {
	config, err := spec.Load(v.paths)
	if err != nil && !errors.As(err, &v.faults) {
		return err
	}
	if config == nil {
		return nil // not YAML, so there is nothing more to say
	}
	v.services = len(config.Services)
	found := []spec.Faults{v.faults, config.Check()}
	if !v.offline {
		var onHost spec.Faults
		onHost, v.warnings = config.CheckHost(h)
		found = append(found, onHost)
	}
	v.faults = config.Sorted(found...)
	return nil
}

func (v *validation) report(format string, stdout, stderr io.Writer) error {
	var err error
	if format == "json" {
		err = v.writeJSON(stdout)
	} else {
		err = v.writeText(stdout, stderr)
	}
	if err == nil && len(v.faults) > 0 {
		err = exitStatus(1)
	}
	return err
}

func (v *validation) writeText(stdout, stderr io.Writer) error {
	for _, f := range v.faults {
		fmt.Fprintln(stderr, f)
	}
	for _, f := range v.warnings {
		f.Message = "warning: " + f.Message
		fmt.Fprintln(stderr, f)
	}
	if len(v.faults) > 0 {
		return nil
	}
	services := "1 service"
	if v.services != 1 {
		services = fmt.Sprintf("%d services", v.services)
	}
	_, err := fmt.Fprintf(stdout, "%s: valid, %s\n", strings.Join(v.paths, ", "), services)
	return err
}

// jsonFault is a fault as --format json has it.
type jsonFault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // 0: the whole file
	Column  int    `json:"column"` // 0: the whole file
	Path    string `json:"path"`
	Message string `json:"message"`
}

func (v *validation) writeJSON(w io.Writer) error {
	list := func(faults []spec.Fault) []jsonFault {
		out := make([]jsonFault, 0, len(faults)) // [] rather than null
		for _, f := range faults {
			out = append(out, jsonFault{f.File, f.Line, f.Column, f.Path, f.Message})
		}
		return out
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Valid    bool        `json:"valid"`
		Faults   []jsonFault `json:"faults"`
		Warnings []jsonFault `json:"warnings"`
	}{len(v.faults) == 0, list(v.faults), list(v.warnings)})
}
