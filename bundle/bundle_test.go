package bundle

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// service is a configuration as a translation makes it.
func service() *specs.Spec {
	config := Default()
	config.Annotations = map[string]string{markAnnotation: "storage"}
	config.Process.User = specs.User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	return config
}

// listing is every path below dir with its kind: a folder's mode, a link's target.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		found[name] = info.Mode().String()
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			found[name] = "-> " + target
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWrite(t *testing.T) {
	old := syscall.Umask(0o077) // a service's user must get through whatever the umask
	defer syscall.Umask(old)
	base := t.TempDir()
	dir := filepath.Join(base, "made", "storage")
	config := service()
	config.Mounts = append(config.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=1777"}})
	c := Contents{
		Config:   config,
		Links:    map[string]string{"/bin": "usr/bin", "/etc/localtime": "/usr/share/zoneinfo/UTC"},
		Dirs:     []string{"/usr", "/etc/ssl", "/tmp", "/a/b"},
		Files:    []string{"/etc/passwd"},
		Writable: []string{filepath.Join(base, "data", "storage")},
	}
	if err := Write(dir, c); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"data": "drwxr-xr-x", "data/storage": "drwxr-xr-x",
		"made": "drwxr-xr-x", "made/storage": "drwxr-xr-x",
		"made/storage/config.json":          "-rw-------",
		"made/storage/rootfs":               "drwxr-xr-x",
		"made/storage/rootfs/usr":           "drwxr-xr-x",
		"made/storage/rootfs/tmp":           "dtrwxrwxrwx",
		"made/storage/rootfs/a":             "drwxr-xr-x",
		"made/storage/rootfs/a/b":           "drwxr-xr-x",
		"made/storage/rootfs/etc":           "drwxr-xr-x",
		"made/storage/rootfs/etc/ssl":       "drwxr-xr-x",
		"made/storage/rootfs/etc/passwd":    "-rw-------",
		"made/storage/rootfs/bin":           "-> usr/bin",
		"made/storage/rootfs/etc/localtime": "-> /usr/share/zoneinfo/UTC",
	}
	compare(t, listing(t, base), want)
	loaded, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Root.Path != filepath.Join(dir, "rootfs") || loaded.Annotations[markAnnotation] != "storage" {
		t.Errorf("read back: %+v", loaded)
	}

	// Once more: config.json is replaced, the rest brought up to date.
	c.Config.Hostname = "renamed"
	c.Dirs = append(c.Dirs, "/later")
	c.Links["/bin"] = "usr/other"
	c.Links["/a/b"] = "../usr" // was a mount point
	c.Dirs = slices.DeleteFunc(c.Dirs, func(at string) bool { return at == "/a/b" })
	if err := Write(dir, c); err != nil {
		t.Fatal(err)
	}
	want["made/storage/rootfs/later"] = "drwxr-xr-x"
	want["made/storage/rootfs/bin"] = "-> usr/other"
	want["made/storage/rootfs/a/b"] = "-> ../usr"
	compare(t, listing(t, base), want)
	if loaded, err = Load(dir); err != nil || loaded.Hostname != "renamed" {
		t.Errorf("read back: %+v, %v", loaded, err)
	}
}

// A root file system elsewhere: nothing is made in it, and no rootfs.
func TestWriteRootElsewhere(t *testing.T) {
	dir, root := t.TempDir(), t.TempDir()
	config := service()
	config.Root.Path = root
	if err := Write(dir, Contents{Config: config}); err != nil {
		t.Fatal(err)
	}
	compare(t, listing(t, dir), map[string]string{"config.json": "-rw-------"})
	compare(t, listing(t, root), map[string]string{})
}

func TestWriteGivesFolders(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("giving a folder away takes root")
	}
	base := t.TempDir()
	there, missing := filepath.Join(base, "there"), filepath.Join(base, "parent", "missing")
	if err := os.Mkdir(there, 0o711); err != nil {
		t.Fatal(err)
	}
	config := service()
	config.Process.User = specs.User{UID: 4001, GID: 4002}
	if err := Write(filepath.Join(base, "bundle"), Contents{Config: config, Writable: []string{there, missing}}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][2]uint32{
		missing:               {4001, 4002},
		filepath.Dir(missing): {0, 0},
		there:                 {0, 0}, // somebody's already
	} {
		var st syscall.Stat_t
		if err := syscall.Stat(path, &st); err != nil || st.Uid != want[0] || st.Gid != want[1] {
			t.Errorf("%s belongs to %d:%d, %v; want %v", path, st.Uid, st.Gid, err, want)
		}
	}
}

// TestWriteRefuses: one clear line, and everything as it was.
func TestWriteRefuses(t *testing.T) {
	foreign := service()
	foreign.Annotations = nil
	foreignJSON, err := Encode(foreign)
	if err != nil {
		t.Fatal(err)
	}
	oursJSON, err := Encode(service())
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		before   map[string]string // content by path; "" for a folder
		contents func(base string) Contents
		out      string
	}{
		"a foreign file":       {map[string]string{"b/notes.txt": "mine"}, nil, "it is not empty: it holds notes.txt"},
		"a foreign rootfs":     {map[string]string{"b/rootfs/bin": ""}, nil, "it is not empty: it holds rootfs"},
		"a foreign bundle":     {map[string]string{"b/config.json": string(foreignJSON)}, nil, "the bundle of somebody else"},
		"a broken config.json": {map[string]string{"b/config.json": "{"}, nil, "the bundle of somebody else"},
		"a file":               {map[string]string{"b": "x"}, nil, "not a directory"},
		"a file above":         {map[string]string{"b/c": "x"}, nil, "it holds c"},
		"our bundle, a file where a folder belongs": {map[string]string{"b/config.json": string(oursJSON), "b/rootfs/usr": "x"},
			nil, "rootfs/usr is not a folder"},
		"our bundle, a folder where a file belongs": {map[string]string{"b/config.json": string(oursJSON), "b/rootfs/etc/passwd/x": ""},
			nil, "rootfs/etc/passwd is not a file"},
		"our bundle, a file where a link belongs": {map[string]string{"b/config.json": string(oursJSON), "b/rootfs/lib": "x"},
			nil, "rootfs/lib is there, and is not a link"},
		"a writable folder that is a file": {map[string]string{"data": "x"}, func(base string) Contents {
			return Contents{Config: service(), Dirs: []string{"/a"}, Writable: []string{base + "/new/x", base + "/data"}}
		}, "data is not a folder"},
		"no annotation": {nil, func(string) Contents { return Contents{Config: foreign} }, "no annotation io.blackhole.service"},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			for path, content := range row.before {
				at := filepath.Join(base, path)
				if content == "" {
					if err := os.MkdirAll(at, 0o755); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c := Contents{Config: service(), Links: map[string]string{"/bin": "usr/bin", "/lib": "usr/lib"},
				Dirs: []string{"/usr", "/a/b"}, Files: []string{"/etc/passwd"}, Writable: []string{base + "/made/x"}}
			if row.contents != nil {
				c = row.contents(base)
			}
			before := listing(t, base)
			err := Write(filepath.Join(base, "b"), c)
			if err == nil || !strings.HasPrefix(err.Error(), "cannot write bundle "+base+"/b: ") || !strings.Contains(err.Error(), row.out) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, row.out)
			}
			compare(t, listing(t, base), before)
		})
	}
}

// TestWriteUndoes: a failure after everything in the bundle was made or changed
// leaves it as it was.
func TestWriteUndoes(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "b")
	earlier := Contents{Config: service(), Links: map[string]string{"/bin": "usr/bin"}, Dirs: []string{"/sbin", "/tmp"}}
	if err := Write(dir, earlier); err != nil {
		t.Fatal(err)
	}
	before := listing(t, base)
	config := service()
	config.Mounts = append(config.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Options: []string{"mode=1777"}})
	err := Write(dir, Contents{
		Config: config,
		Links:  map[string]string{"/bin": "elsewhere", "/sbin": "usr/sbin", "/new": "x"},
		Dirs:   []string{"/tmp", "/made/deep"}, Files: []string{"/made/file"},
		Writable: []string{base + "/made", "/dev/null/impossible"},
	})
	if err == nil {
		t.Fatal("a folder below /dev/null was made")
	}
	compare(t, listing(t, base), before)
}

func TestWriteNew(t *testing.T) {
	dir := t.TempDir()
	if err := WriteNew(dir, Default()); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Error(err)
	}
	if err := WriteNew(dir, Default()); err == nil || !strings.Contains(err.Error(), "config.json: it is there already; remove it first") {
		t.Errorf("got %v", err)
	}
	if err := WriteNew(filepath.Join(dir, "nosuch"), Default()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if left := listing(t, dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

func TestRootless(t *testing.T) {
	config := Default()
	Rootless(config, 1000, 1001)
	types := map[specs.LinuxNamespaceType]bool{}
	for _, ns := range config.Linux.Namespaces {
		types[ns.Type] = true
	}
	if !types[specs.UserNamespace] || types[specs.NetworkNamespace] || !types[specs.MountNamespace] {
		t.Errorf("namespaces %v", config.Linux.Namespaces)
	}
	if config.Linux.UIDMappings[0] != (specs.LinuxIDMapping{HostID: 1000, Size: 1}) ||
		config.Linux.GIDMappings[0] != (specs.LinuxIDMapping{HostID: 1001, Size: 1}) {
		t.Errorf("mappings %v %v", config.Linux.UIDMappings, config.Linux.GIDMappings)
	}
	for _, mount := range config.Mounts {
		if slices.Contains(mount.Options, "gid=5") || mount.Destination == "/sys" && mount.Type != "none" {
			t.Errorf("%+v", mount)
		}
	}
}
