package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// formatOf is what --format says, if it is one of these.
func formatOf(c *cli.Context, formats ...string) (string, error) {
	for _, f := range formats {
		if c.String("format") == f {
			return f, nil
		}
	}
	return "", fmt.Errorf("cannot use --format %q: it is %s", c.String("format"), strings.Join(formats, " or "))
}
