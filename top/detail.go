package top

import (
	"fmt"
	"time"
)

// More is what the page of one container shows beside its figures; it is read
// for that page alone.
type More struct {
	Limits []Setting // that stats do not have, as the kernel has them now
	Events []string  // the last of its events, oldest first
	Log    []string  // the last lines of its output
	// Problem is why some of it could not be read.
	Problem string
}

// Setting is a name and a value.
type Setting struct{ Name, Value string }

// Detail is the page of one container, in lines for a width. It is as long as it
// is: who draws it scrolls.
func (r *Row) Detail(more *More, width int) []Line {
	p := &page{width: width}
	p.head(r)
	p.history(r)
	p.figures(r)
	p.limits(more)
	p.devices(r)
	p.network(r)
	p.pressure(r)
	if more != nil {
		p.texts("EVENTS", more.Events, "none")
		p.texts("LOG", more.Log, "none")
		if more.Problem != "" {
			p.line(Span{more.Problem, Warn})
		}
	}
	return p.lines
}

// page gathers lines.
type page struct {
	width int
	lines []Line
}

func (p *page) line(spans ...Span) { p.lines = append(p.lines, Line(spans)) }

func (p *page) heading(s string) {
	p.line()
	p.line(Span{s, Bold})
}

func (p *page) head(r *Row) {
	title := Line{{r.Name, Bold}, {"  " + r.State, stateMark(r)}}
	if r.Pid != 0 {
		title = append(title, Span{fmt.Sprintf("  pid %d", r.Pid), Plain})
	}
	if up := upOf(r); up != nil {
		title = append(title, Span{"  up " + Ago(seconds(*up)), Plain})
	}
	if s := r.Service; s != nil {
		title = append(title, Span{fmt.Sprintf("  restarts %d", s.Restarts), Plain})
		if s.Health != "" {
			title = append(title, Span{"  " + s.Health, Plain})
		}
	} else {
		title = append(title, Span{"  not supervised", Dim})
	}
	p.lines = append(p.lines, title)
	if !r.Gone.IsZero() {
		p.line(Span{"gone since " + r.Gone.Format(time.TimeOnly) + "; below is what was seen last", Bad})
	}
	if r.Reason != "" {
		p.wrap("", r.Reason)
	}
	if r.Service != nil {
		for _, a := range r.Service.Alerts {
			mark := Warn
			if a.Severity == "alert" {
				mark = Bad
			}
			p.line(Span{fmt.Sprintf("%s: %s since %s%s", a.Severity, a.Kind, a.Since.Local().Format(time.TimeOnly), a.figures()), mark})
		}
	}
}

// figures are an alert's value and limit.
func (a Alert) figures() string {
	if a.Unit == "" {
		return ""
	}
	if a.Unit == "bytes" {
		return fmt.Sprintf(": %s of %s", Bytes(a.Value), Bytes(a.Limit))
	}
	if a.Limit == 0 || a.Unit == "kills" { // its limit is one of memory
		return fmt.Sprintf(": %.4g %s", a.Value, a.Unit)
	}
	return fmt.Sprintf(": %.4g of %.4g %s", a.Value, a.Limit, a.Unit)
}

// history draws the lines with the present figure and their greatest beside them.
func (p *page) history(r *Row) {
	p.heading("HISTORY")
	for _, h := range []struct {
		title  string
		values []*float64
		least  float64
		write  func(float64) string
	}{
		{"cpu %", r.History.CPU, leastCPU, percent},
		{"memory", r.History.Memory, 1, Bytes},
		{"disks/s", r.History.IO, 1024, Bytes},
		{"net/s", r.History.Network, 1024, Bytes},
	} {
		var now, most *float64
		width := min(max(p.width-34, leastSpark), mostSpark*2)
		shown := h.values[max(0, len(h.values)-width):]
		for _, v := range shown {
			if now = v; v != nil && (most == nil || *v > *most) {
				most = v
			}
		}
		p.line(Span{Fit(h.title, 8, true), Plain}, Span{Fit(written(now, h.write), 6, false), Plain}, Span{" ", Plain},
			Span{Spark(shown, width, h.least), Plain}, Span{"  most " + written(most, h.write), Dim})
	}
}

func (p *page) wrap(indent, text string) {
	for _, line := range Wrap(text, p.width-len(indent)) {
		p.line(Span{indent + line, Plain})
	}
}

func (p *page) texts(title string, lines []string, none string) {
	p.heading(title)
	for _, line := range lines {
		p.wrap("  ", line)
	}
	if len(lines) == 0 {
		p.line(Span{"  " + none, Dim})
	}
}
