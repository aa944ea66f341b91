// Command blackhole is an OCI runtime and a launcher of services with hard
// limits.
package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
)

// Set by the linker, see the Makefile.
var (
	version = "unknown"
	commit  = "unknown"
)

func main() {
	app := newApp()
	if err := app.Run(os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "blackhole: %v\n", err)
		os.Exit(1)
	}
}

func newApp() *cli.App {
	return &cli.App{Name: "blackhole", Version: version}
}
