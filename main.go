// Command blackhole is an OCI runtime and a launcher of services with hard
// limits.
package main

import (
	"os"
	"runtime"
	"slices"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"blackhole/internal/headroom"
)

// Set by the linker, see the Makefile.
var (
	version = "unknown"
	commit  = ""
)

func main() {
	if slices.Contains(os.Args, "up") {
		// A supervisor's main goroutine keeps the first thread, in which Go has just
		// started it: what a thread enters that Go is to end, that one would stay in.
		runtime.LockOSThread()
	}
	logrus.SetFormatter(&plain{}) // until the flags are read
	os.Exit(exitCode(run()))
}

func run() error {
	app := newApp()
	if err := beServices(app, os.Args); err != nil {
		return err
	}
	if err := headroom.Descriptors(headroom.DescriptorsOfAny); err != nil {
		return err
	}
	return app.Run(flagsFirst(app, os.Args))
}

// Categories of the help.
const (
	ofServices = "service commands"
	ofOCI      = "OCI commands"
)

// commands lists what this build of blackhole does, in the order of the help.
func commands() []*cli.Command {
	return append(serviceCommands(),
		createCommand(),
		startCommand(),
		stateCommand(),
		killCommand(),
		deleteCommand(),
		runCommand(),
		execCommand(),
		listCommand(),
		psCommand(),
		pauseCommand(),
		resumeCommand(),
		updateCommand(),
		eventsCommand(),
		checkpointCommand(),
		restoreCommand(),
		featuresCommand(),
		hookCommand(),
	)
}

func newApp() *cli.App {
	cli.VersionPrinter = printVersion
	app := &cli.App{
		Name:    "blackhole",
		Usage:   "run services as containers with hard limits",
		Version: version,
		Description: "A service configuration (blackhole.yaml) says what each service may use; the service\n" +
			"commands check it and turn it into OCI bundles. The OCI commands are those of any OCI\n" +
			"runtime, with the flags and the output of runc.",
		EnableBashCompletion: true,
		// A comma is part of a file's name, not the end of it.
		DisableSliceFlagSeparator: true,
		UseShortOptionHandling:    false,
		Flags:                     globalFlags(),
		Before:                    before,
		Commands:                  commands(),
		Action:                    noCommand,
		OnUsageError:              usageError,
		// exitCode prints errors and decides on the exit code, once.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	for _, c := range app.Commands {
		c.OnUsageError = usageError
		for _, sub := range c.Subcommands {
			sub.OnUsageError = usageError
		}
	}
	return app
}
