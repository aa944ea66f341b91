//go:build !oci

package main

import (
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"blackhole/bundle"
	"blackhole/spec"
	"blackhole/spec/host"
)

// programArgs splits a command's arguments at the n-th: before it the command's
// own, after it "--" and a program with its arguments, or nothing.
func programArgs(c *cli.Context, n int) (own, program []string, err error) {
	args := c.Args().Slice()
	if len(args) <= n {
		return args, nil, nil
	}
	own, program = args[:n], args[n:]
	if program[0] != "--" {
		return nil, nil, usageError(c, fmt.Errorf("does not take %q: a program to run stands after --", program[0]), true)
	}
	if len(program) == 1 {
		return nil, nil, usageError(c, fmt.Errorf("has no program after --"), true)
	}
	return own, program[1:], nil
}

// translate checks one service against the file and this host, and translates
// it. What this host cannot do is printed as warnings. program, with its
// arguments, takes the place of the service's own; it may be nil.
func translate(c *cli.Context, name string, program []string) (*spec.Translation, error) {
	config, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	return translateLoaded(c, config, name, program)
}

// translateLoaded is translate for a configuration that is loaded.
func translateLoaded(c *cli.Context, config *spec.Config, name string, program []string) (*spec.Translation, error) {
	if service := config.Services[name]; service != nil && program != nil {
		service.Executable, service.Args = nil, nil
		if filepath.IsAbs(program[0]) { // others are looked for in the service's PATH when it starts
			service.Executable, service.Args = &program[0], program[1:]
		}
	}
	if _, err := config.Service(name); err != nil {
		return nil, err
	}
	t, warnings, err := translateService(config, name, program)
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		w.Message = "warning: " + w.Message
		fmt.Fprintln(c.App.ErrWriter, w)
	}
	return t, nil
}

// translateService checks and translates a service of a loaded configuration, and
// prints nothing: what this host cannot do is returned.
func translateService(config *spec.Config, name string, program []string) (*spec.Translation, []spec.Fault, error) {
	path, err := hookProgram()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot find the path of this program, which is its bundles' hooks too: %w", err)
	}
	return config.Prepare(name, host.New(), spec.Options{Args: program, HookPath: path})
}

// contents is what a service's bundle holds.
func contents(t *spec.Translation) bundle.Contents {
	return bundle.Contents{Config: t.Config, Links: t.Links, Dirs: t.Dirs, Files: t.Files, Hosts: t.Hosts, Writable: t.Writable}
}
