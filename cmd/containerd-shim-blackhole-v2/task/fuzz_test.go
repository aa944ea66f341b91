package task

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	runtimeoptions "github.com/containerd/containerd/api/types/runtimeoptions/v1"
)

// FuzzLinks: /proc/PID/net/dev, in which a container names its own interfaces, is
// read or refused, never in part.
func FuzzLinks(f *testing.F) {
	f.Add("Inter-|   Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n")
	f.Add("a:b: 1 2 3\n")
	f.Add("x: 1 2 3 4 5 6 7 8 18446744073709551616 1 2 3 4 5 6 7\n")
	f.Fuzz(func(t *testing.T, text string) {
		links, err := parseLinks(text)
		if err != nil && links != nil {
			t.Fatalf("both %v and %v", links, err)
		}
		if len(links) > strings.Count(text, ":") {
			t.Fatalf("%d links in %q", len(links), text)
		}
		for _, l := range links {
			if l.name == "lo" || strings.Contains(l.name, ":") {
				t.Fatalf("link %q", l.name)
			}
		}
	})
}

// FuzzOptions: what containerd's configuration says, and the files in a bundle
// that the shim left for whoever removes its container, are read or refused; and
// options are saved as they were read.
func FuzzOptions(f *testing.F) {
	f.Add("Root = \"/x\"\nSystemdCgroup = true\nIoUid = 3\n[a]\n")
	f.Add(`{"Root":"/x","IoGid":4294967295}`)
	f.Add(`{"code":137,"at":"2026-11-24T12:00:00Z"}`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		o, err := readTOML(&runtimeoptions.Options{ConfigBody: []byte(text)})
		if err != nil && o != (Options{}) {
			t.Fatalf("both %+v and %v", o, err)
		}
		for _, name := range []string{optionsFile, exitFile} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, known, err := LoadExit(dir); known && err != nil {
			t.Fatalf("both known and %v", err)
		}
		if o, err = LoadOptions(dir); err != nil {
			return
		}
		if err := o.save(dir); err != nil {
			t.Fatal(err)
		}
		if again, err := LoadOptions(dir); err != nil || !reflect.DeepEqual(o, again) {
			t.Fatalf("%+v is saved as %+v, %v", o, again, err)
		}
	})
}
