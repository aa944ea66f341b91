// Package exposition writes metrics as Prometheus and all that follow it read
// them: the text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
package exposition

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// ContentType is the format's, for HTTP.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Type is how the values of a family are to be read.
type Type string

// The types that are written here.
const (
	Counter Type = "counter" // only grows, but for a new start at 0
	Gauge   Type = "gauge"
)

// Family is all series of one name.
type Family struct {
	Name   string // of letters, digits and _
	Type   Type
	Help   string
	Labels []string // names; their values come with each sample, in this order
}

// Writer collects a page. Its zero value is an empty one.
type Writer struct {
	page []byte
	f    *Family
	told bool // HELP and TYPE of f are written
}

// Grow makes room for so many bytes more.
func (w *Writer) Grow(n int) { w.page = slices.Grow(w.page, n) }

// Begin starts a family. All its samples must follow before the next one
// begins; without any, nothing of it is written.
func (w *Writer) Begin(f *Family) { w.f, w.told = f, false }

// Sample writes one series of the family with the values of its labels.
func (w *Writer) Sample(value float64, labels ...string) {
	f := w.f
	if !w.told {
		w.told = true
		w.add("# HELP ", f.Name, " ", escapeHelp(f.Help), "\n# TYPE ", f.Name, " ", string(f.Type), "\n")
	}
	w.add(f.Name)
	for i, name := range f.Labels {
		open := ","
		if i == 0 {
			open = "{"
		}
		w.add(open, name, `="`, escapeLabel(labels[i]), `"`)
	}
	if len(f.Labels) > 0 {
		w.add("}")
	}
	w.add(" ")
	format := byte('g')
	if size := math.Abs(value); size == 0 || size >= 1e-3 && size < 1e15 { // for people
		format = 'f'
	}
	w.page = strconv.AppendFloat(w.page, value, format, -1, 64)
	w.add("\n")
}

// Page is all that was written.
func (w *Writer) Page() []byte { return w.page }

func (w *Writer) add(parts ...string) {
	for _, p := range parts {
		w.page = append(w.page, p...)
	}
}

func escapeHelp(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), "\n", `\n`)
}

// escapeLabel makes any text a label's value; the format is UTF-8 alone.
func escapeLabel(text string) string {
	return strings.ReplaceAll(escapeHelp(strings.ToValidUTF8(text, "\uFFFD")), `"`, `\"`)
}
