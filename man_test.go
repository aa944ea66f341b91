//go:build !oci

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// Every command has a page with all its flags, and groff has nothing to say
// against one, where it is installed.
func TestManPages(t *testing.T) {
	app := newApp()
	app.Setup()
	pages := manPages(app)
	main := pages["blackhole.8"]
	documentedPages := 0
	for words, c := range documented(app) {
		documentedPages++
		page, ok := pages[pageName(app, words)+".8"]
		if !ok || !strings.Contains(main, `\fB`+roff(pageName(app, words))) {
			t.Errorf("no page for %s", words)
		}
		for _, f := range c.VisibleFlags() {
			for _, name := range f.Names() {
				if !strings.Contains(page, roff("-"+name)+`\fR`) {
					t.Errorf("%s: no --%s", c.Name, name)
				}
			}
		}
	}
	if len(pages) != documentedPages+1 || documentedPages < len(visible(app)) || strings.Contains(main, "blackhole\\-man") {
		t.Errorf("%d pages", len(pages))
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("no groff to check them with")
	}
	for name, page := range pages {
		cmd := exec.Command("groff", "-man", "-ww", "-Tutf8", "-Kutf8", "-z")
		cmd.Stdin = strings.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{"a-b": `a\-b`, `a\b`: `a\eb`, ".x": `\&.x`, "'x": `\&'x`, "": ""} {
		if got := roff(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
