package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"

	"blackhole/internal/fileversion"
)

func TestCheckCgroups(t *testing.T) {
	x := &cgroups.Cgroup{Path: "/x"}
	for _, row := range []struct {
		cg   *cgroups.Cgroup
		path string
		ok   bool
	}{
		{x, "/sys/fs/cgroup/cpu/x", true},
		{x, "/sys/fs/cgroup/own/x", true}, // below the caller's own
		{x, "", true},
		{&cgroups.Cgroup{Path: "x"}, "/sys/fs/cgroup/x", true},
		{&cgroups.Cgroup{Path: "../../x"}, "/sys/fs/cgroup/x", true}, // as libcontainer cleans it
		{&cgroups.Cgroup{Parent: "/p", Name: "n"}, "/sys/fs/cgroup/p/n", true},
		{&cgroups.Cgroup{Systemd: true, ScopePrefix: "s", Name: "n"}, "/sys/fs/cgroup/system.slice/s-n.scope", true},
		{&cgroups.Cgroup{Systemd: true, Name: "n.slice"}, "/sys/fs/cgroup/n.slice", true},
		{x, "/", false},
		{x, "/sys/fs/cgroup", false},
		{x, "/sys/fs/cgroup/system.slice", false},
		{x, "/sys/fs/cgroup/ax", false},
		{x, "/sys/fs/cgroup/x/..", false},
		{x, "/sys/fs/cgroup/../x", false},
		{x, "/sys/fs/cgroup/x/", false},
		{x, "sys/fs/cgroup/x", false},
		{nil, "/sys/fs/cgroup/x", false},
		{&cgroups.Cgroup{}, "/sys/fs/cgroup", false},
		{&cgroups.Cgroup{Path: "/"}, "/sys/fs/cgroup", false},
		{&cgroups.Cgroup{Path: "/.."}, "/", false},
		{&cgroups.Cgroup{Systemd: true, ScopePrefix: "s", Name: "n"}, "/sys/fs/cgroup/system.slice/n.scope", false},
	} {
		if err := checkCgroups(row.cg, map[string]string{"cpu": row.path}); (err == nil) != row.ok {
			t.Errorf("%+v at %q: %v", row.cg, row.path, err)
		}
	}
}

func TestCheckMounted(t *testing.T) {
	for path, want := range map[string]string{
		"/":                           "is no cgroup",
		"/proc":                       "is no cgroup",
		t.TempDir():                   "is no cgroup",
		"/sys/fs/cgroup":              "is ", // v2: the whole hierarchy; v1: a folder of those
		"/sys/fs/cgroup/nothing/here": "",
	} {
		err := checkMounted(map[string]string{"": path})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", path, err)
		}
	}
	mounts, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range mounts {
		path := filepath.Dir(file)
		err := checkMounted(map[string]string{"x": path})
		if whole := !cgroups.IsCgroup2UnifiedMode(); whole != (err != nil && strings.Contains(err.Error(), "the whole hierarchy")) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A record is read whatever wrote it, but one of a newer version, and that stays.
func TestRecordVersions(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	path := r.recordPath("x")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"bundle":"/b","cgroup":{"path":"/x"},"cgroup_paths":{}}`) // of before there were versions
	rec, err := r.openRecord("x")
	if err != nil || rec.Bundle != "/b" {
		t.Fatalf("%+v, %v", rec, err)
	}
	rec.unlock()
	for _, newer := range []string{`{"version":2,"bundle":"/b"}`, `{"version":2,"cgroup_paths":["of another type"]}`} {
		write(newer)
		for _, force := range []bool{false, true} {
			err := r.Delete("x", force)
			if !errors.Is(err, fileversion.ErrNewer) || !strings.Contains(err.Error(), "version is 2, and this one reads up to 1") {
				t.Errorf("got %v", err)
			}
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != newer {
			t.Errorf("the record is changed: %q, %v", data, err)
		}
	}
}

// By a damaged record nothing is removed. Each of these would be followed by a
// deletion with --force, for there is a folder and no state in it.
func TestDamagedRecord(t *testing.T) {
	for name, text := range map[string]string{
		"root":        `{"cgroup":{"path":"/x"},"cgroup_paths":{"freezer":"/"}}`,
		"hierarchies": `{"cgroup":{"path":"/"},"cgroup_paths":{"":"/sys/fs/cgroup"}}`,
		"foreign":     `{"cgroup":{"path":"/x"},"cgroup_paths":{"":"/sys/fs/cgroup/system.slice"}}`,
		"no cgroup":   `{"cgroup":{"path":"/fs"},"cgroup_paths":{"":"/sys/fs"}}`,
		"parent":      `{"cgroup":{"path":"/x"},"cgroup_paths":{"":"/sys/fs/cgroup/x"},"new_cgroup_parents":["/tmp"]}`,
		"type":        `{"cgroup":{"path":"/x"},"cgroup_paths":"/"}`,
		"cut short":   `{"cgroup":{"path":"/x"},"cgroup_pa`,
	} {
		t.Run(name, func(t *testing.T) {
			r := &Runtime{Root: t.TempDir()}
			path, dir := r.recordPath("x"), filepath.Join(r.Root, "x")
			if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Mkdir(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
			rec, err := r.openRecord("x")
			if err != nil {
				t.Fatal(err)
			}
			err = rec.check()
			rec.unlock()
			if err == nil {
				t.Fatal("it passes") // and is not tried out
			}
			if err := r.Delete("x", true); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "nothing was removed") {
				t.Errorf("got %v", err)
			}
			if missing(path) || missing(dir) {
				t.Error("the record or the folder is gone")
			}
			if _, err := r.peekRecord("x"); name == "cut short" && err == nil {
				t.Error("its poststart hooks would not be missed")
			}
		})
	}
}

// Of a state.json that is damaged there is one line with its name.
func TestDamagedState(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	path := filepath.Join(r.Root, "x", stateFile)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":     "EOF",
		"{":    "unexpected EOF",
		"null": "there is no container in it",
		"{}":   "there is no container in it",
		`{"config":{"cgroups":{"path":"/x"}},"cgroup_paths":7}`:                                     "cannot unmarshal number",
		`{"config":{"cgroups":{"path":"/x"}},"cgroup_paths":{"freezer":"/sys/fs/cgroup/freezer"}}`:  "is not one that ends with",
		`{"config":{"cgroups":{"path":"/"}},"cgroup_paths":{"freezer":"/sys/fs/cgroup/freezer/x"}}`: "has no name",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := r.State("x")
		if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
