//go:build !oci

package main

import "github.com/urfave/cli/v2"

// serviceCommands are those of this build beside the OCI commands, in the order of
// the help. The build for the start of containers (oci) has none.
func serviceCommands() []*cli.Command {
	return []*cli.Command{
		validateCommand(),
		configCommand(),
		specCommand(),
		bundleCommand(),
		planCommand(),
		recommendCommand(),
		auditCommand(),
		upCommand(),
		downCommand(),
		restartCommand(),
		applyCommand(),
		statusCommand(),
		topCommand(),
		logsCommand(),
		alertsCommand(),
		doctorCommand(),
		seccompCommand(),
		gcCommand(),
		manCommand(),
	}
}

// beServices has nothing to do: all commands are here.
func beServices(*cli.App, []string) error { return nil }
