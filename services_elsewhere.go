//go:build oci

package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// serviceCommands: without the libraries of the service commands this program is a
// fifth smaller, and starts that much sooner.
func serviceCommands() []*cli.Command { return nil }

// beServices becomes blackhole-services, the same program with all commands, where
// the command line asks for what is not here: one of its commands, the help, the names
// of all commands, or what there is nowhere. A word on that is its to say.
func beServices(app *cli.App, args []string) error {
	at := commandIndex(app, args)
	if at >= 0 && app.Command(args[at]) != nil {
		return nil
	}
	if at < 0 && slices.ContainsFunc(args[1:], asksForVersion) {
		return nil // engines ask for it
	}
	path, err := companion(servicesName)
	if err != nil {
		return fmt.Errorf("cannot run a service command: %w", err)
	}
	if err := unix.Exec(path, args, os.Environ()); err != nil {
		return fmt.Errorf("cannot run %s: %w", path, err)
	}
	return nil
}

// asksForVersion: with one dash or two, as package flag takes it.
func asksForVersion(arg string) bool {
	return slices.Contains([]string{"-v", "--v", "-version", "--version"}, arg)
}
