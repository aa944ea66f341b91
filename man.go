//go:build !oci

package main

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
)

// manCommand writes the manual pages from what the commands say of themselves,
// so that they cannot differ from --help. Packagers call it, see the Makefile.
func manCommand() *cli.Command {
	return &cli.Command{
		Name:      "man",
		Hidden:    true,
		Usage:     "write the manual pages of all commands",
		ArgsUsage: "FOLDER",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			dir := c.Args().First()
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("cannot write the manual pages: %w", err)
			}
			for name, page := range manPages(c.App) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(page), 0o644); err != nil {
					return fmt.Errorf("cannot write the manual pages: %w", err)
				}
			}
			return nil
		},
	}
}

// manPages are the pages by file name: blackhole.8 and blackhole-COMMAND.8.
func manPages(app *cli.App) map[string]string {
	pages := map[string]string{}
	var m man
	m.title(app.Name, app.Usage)
	m.synopsis(app.Name, "[GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS…]")
	m.section("DESCRIPTION")
	m.text(app.Description)
	m.options("GLOBAL OPTIONS", app.Flags)
	m.section("COMMANDS")
	for words, c := range documented(app) {
		page := pageName(app, words)
		m.item(`\fB`+roff(page)+`\fR(8)`, c.Usage)
		pages[page+".8"] = commandPage(app, words, c)
	}
	m.section("EXIT STATUS")
	m.text("0, or 1 after an error, which is one line on standard error. run, exec and restore end with the program's own " +
		"exit status, 128+n if signal n killed it; exec with 255 if the program could not be started.")
	m.section("SEE ALSO")
	m.text("runc(8), https://github.com/opencontainers/runtime-spec")
	pages[app.Name+".8"] = m.String()
	return pages
}

// commandPage is the page of a command, or of one below another; words are its
// name as one types it.
func commandPage(app *cli.App, words string, c *cli.Command) string {
	var m man
	m.title(pageName(app, words), c.Usage)
	m.synopsis(app.Name+" "+words, strings.TrimSpace("[OPTIONS] "+c.ArgsUsage))
	if c.Description != "" {
		m.section("DESCRIPTION")
		m.text(c.Description)
	}
	m.options("OPTIONS", c.Flags)
	m.section("SEE ALSO")
	m.item(`\fBblackhole\fR(8)`, "global options and exit status")
	return m.String()
}

// documented are the commands that have a page, by their names as one types
// them: not one that has but others below it.
func documented(app *cli.App) iter.Seq2[string, *cli.Command] {
	return func(yield func(string, *cli.Command) bool) {
		for _, c := range visible(app) {
			if len(c.Subcommands) == 0 {
				if !yield(c.Name, c) {
					return
				}
				continue
			}
			for _, sub := range c.Subcommands {
				if sub.Name != "help" && !yield(c.Name+" "+sub.Name, sub) {
					return
				}
			}
		}
	}
}

// pageName is a command's page: blackhole-seccomp-record.
func pageName(app *cli.App, words string) string {
	return app.Name + "-" + strings.ReplaceAll(words, " ", "-")
}

// visible are the commands that the help shows, but its own.
func visible(app *cli.App) (commands []*cli.Command) {
	for _, c := range app.Commands {
		if !c.Hidden && c.Name != "help" {
			commands = append(commands, c)
		}
	}
	return commands
}

// man is a page in the man macros of roff, see man(7).
type man struct{ strings.Builder }

func (m *man) title(name, usage string) {
	fmt.Fprintf(m, ".TH %q 8\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), roff(name), roff(usage))
}

func (m *man) section(name string) { fmt.Fprintf(m, ".SH %s\n", name) }

func (m *man) synopsis(command, rest string) {
	m.section("SYNOPSIS")
	fmt.Fprintf(m, "\\fB%s\\fR %s\n", roff(command), roff(rest))
}

// text fills lines to the width of the page, but for those that are indented.
func (m *man) text(s string) {
	for line := range strings.SplitSeq(s, "\n") {
		switch {
		case line == "":
			fmt.Fprintln(m, ".PP")
		case strings.HasPrefix(line, "  "):
			fmt.Fprintf(m, ".nf\n%s\n.fi\n", roff(line))
		default:
			fmt.Fprintln(m, roff(line))
		}
	}
}

func (m *man) item(name, text string) { fmt.Fprintf(m, ".TP\n%s\n%s\n", name, roff(text)) }

func (m *man) options(heading string, flags []cli.Flag) {
	var shown []cli.Flag
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); !ok || v.IsVisible() {
			shown = append(shown, f)
		}
	}
	if len(shown) == 0 {
		return
	}
	m.section(heading)
	for _, f := range shown {
		placeholder, usage := "", ""
		if d, ok := f.(cli.DocGenerationFlag); ok {
			usage = d.GetUsage()
			if d.TakesValue() {
				placeholder = "VALUE"
			}
			// The word between back quotes is what stands for the value.
			if before, rest, ok := strings.Cut(usage, "`"); ok {
				if word, after, ok := strings.Cut(rest, "`"); ok {
					placeholder, usage = word, before+word+after
				}
			}
			if value := d.GetDefaultText(); d.TakesValue() && value != "" && value != `""` && !strings.Contains(usage, "default") {
				usage += " (default " + strings.Trim(value, `"`) + ")"
			}
		}
		var names []string
		for _, name := range f.Names() {
			dashes := "--"
			if len(name) == 1 {
				dashes = "-"
			}
			names = append(names, `\fB`+roff(dashes+name)+`\fR`)
		}
		name := strings.Join(names, ", ")
		if placeholder != "" {
			name += ` \fI` + roff(placeholder) + `\fR`
		}
		m.item(name, usage)
	}
}

// roff escapes what would be an instruction: backslashes, hyphens that are to
// be copied from the page as such, and a point or quote that begins a line.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
