//go:build !oci

package main

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// formatFlag is --format; the first format is the default.
func formatFlag(formats ...string) cli.Flag {
	return &cli.StringFlag{Name: "format", Value: formats[0], Usage: "write `FORMAT`: " + strings.Join(formats, " or ")}
}

// writeJSON writes a document for programs, indented for people who look at it.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
