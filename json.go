package main

import (
	"encoding/json"
	"io"
)

// writeJSON writes a document for programs, indented for people who look at it.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
