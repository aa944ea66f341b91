package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const good = `{
	"ociVersion": "1.0.2",
	"process": {"args": ["true"], "cwd": "/"},
	"root": {"path": "rootfs"},
	"linux": {},
	"unknown": [1]
}`

func put(t *testing.T, dir, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, ConfigName), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, good)
	config, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if config.Root.Path != filepath.Join(dir, "rootfs") {
		t.Errorf("root.path %s is not resolved against the bundle", config.Root.Path)
	}
	put(t, dir, strings.Replace(good, `"rootfs"`, `"/srv/../srv/root"`, 1))
	if config, err = Load(dir); err != nil || config.Root.Path != "/srv/../srv/root" {
		t.Errorf("got %+v, %v", config, err)
	}
	t.Chdir(dir)
	put(t, dir, good)
	if config, err = Load("."); err != nil || config.Root.Path != filepath.Join(dir, "rootfs") {
		t.Errorf("in a relative bundle: got %+v, %v", config, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	replace := func(old, by string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in the example", old)
		}
		return strings.Replace(good, old, by, 1)
	}
	for _, row := range []struct{ in, out string }{
		{"", "config.json:1:1: not JSON: unexpected end of JSON input"},
		{"{\n \"a\": x\n}", "config.json:2:7: not JSON: invalid character 'x'"},
		{good + "}", "config.json:7:2: not JSON"},
		{"{\n\"root\": \n", "config.json:3:1: not JSON: unexpected end"},
		{"null", "config.json: it is null"},
		{"[]", "a JSON array where"},
		{replace(`["true"]`, `"true"`), `config.json:3:`},
		{replace(`["true"]`, `"true"`), `process.args: a JSON string where []string belongs`},
		{replace(`"1.0.2"`, `""`), "ociVersion is missing"},
		{replace(`"1.0.2"`, `"2.0.0"`), `ociVersion "2.0.0" is not supported`},
		{replace(`"1.0.2"`, `"1"`), `ociVersion "1" is not supported`},
		{replace(`"process"`, `"processes"`), "process is missing"},
		{replace(`["true"]`, `[]`), "process.args is empty"},
		{replace(`["true"]`, `[""]`), "process.args[0], the program, is empty"},
		{replace(`, "cwd": "/"`, ``), "process.cwd is missing"},
		{replace(`"cwd": "/"`, `"cwd": "tmp"`), `process.cwd "tmp" is not an absolute path`},
		{replace(`"root"`, `"roots"`), "root is missing"},
		{replace(`"path": "rootfs"`, ``), "root.path is missing"},
		{replace(`"linux"`, `"windows"`), "linux is missing"},
		{`{"padding": "` + strings.Repeat("x", maxConfig) + `"}`, "more than 16777216 bytes"},
	} {
		dir := t.TempDir()
		put(t, dir, row.in)
		config, err := Load(dir)
		if err == nil || !strings.Contains(err.Error(), row.out) || !strings.HasPrefix(err.Error(), "cannot read bundle: ") ||
			!strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60s: got %+v, %v; want %q", row.in, config, err, row.out)
		}
	}
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "config.json: no such file") {
		t.Errorf("nothing there: %v", err)
	}
	if err := unix.Mkdir(filepath.Join(dir, ConfigName), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("a folder: %v", err)
	}
}

// FuzzLoad: any text is read or refused with its place, and what is read can be
// written and read again.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"process": {"args": "x"}}`))
	f.Add([]byte("{\n\t\"linux\": nul"))
	example, err := Encode(Default())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := decode(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), ":") {
				t.Errorf("no place for the file's name: %v", err)
			}
			return
		}
		again, err := Encode(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again); err != nil {
			t.Errorf("%s was read, but %s was not: %v", data, again, err)
		}
	})
}
