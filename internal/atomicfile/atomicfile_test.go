package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pid")
	other := filepath.Join(dir, "other")
	check := func(text string) {
		t.Helper()
		data, err := os.ReadFile(path)
		info, lerr := os.Lstat(path)
		if err != nil || lerr != nil || string(data) != text || info.Mode() != 0o644 {
			t.Errorf("%q %v %v %v", data, err, info, lerr)
		}
	}
	for _, text := range []string{"1", "22"} { // a new file, then over an old one
		if err := Create(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		check(text)
	}
	// A link is replaced and not followed.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, path); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, []byte("3"), 0o644); err != nil {
		t.Fatal(err)
	}
	check("3")
	if got := names(t, dir); !slices.Equal(got, []string{"pid"}) {
		t.Error(got)
	}
	if err := Create(filepath.Join(dir, "none/pid"), nil, 0o644); err == nil {
		t.Error("made in a folder that is not there")
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", ".a.tmp123", ".ab.tmp4", ".a.tmp", "b.tmp5", ".b.tmp5"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{".ab.tmp4", ".b.tmp5", "a", "b.tmp5"}) {
		t.Errorf("of one file: %q", got)
	}
	if err := SweepFolder(dir); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"a", "b.tmp5"}) {
		t.Errorf("of all: %q", got)
	}
	if err := SweepFolder(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
}
