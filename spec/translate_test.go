package spec

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// fixedHost is a Debian host with 8 CPUs and two disks. Its folders are those
// that files lists, links are "link -> target".
type fixedHost struct {
	version     int
	files       map[string]File
	absentFiles []string // cgroup files that this kernel has not
	lacks       []string // capabilities
	nofile      uint64
}

func newHost(version int) *fixedHost {
	h := &fixedHost{version: version, nofile: 1 << 20, files: map[string]File{}}
	if version == 2 {
		h.absentFiles = []string{"io.bfq.weight"}
	} else {
		h.absentFiles = []string{"blkio.weight"}
		h.lacks = []string{"CAP_SYS_RESOURCE"}
		h.nofile = 20000
	}
	h.folders("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/lib/locale", "/usr/share/zoneinfo/Europe",
		"/etc/ssl/private", "/etc/ca-certificates", "/etc/alternatives", "/etc/ld.so.conf.d", "/etc/blackhole",
		"/var/lib/blackhole", "/run/systemd/resolve", "/srv/app")
	h.link("/bin", "usr/bin")
	h.link("/sbin", "usr/sbin")
	h.link("/lib", "usr/lib")
	h.link("/lib64", "usr/lib64")
	h.link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin")
	h.link("/etc/os-release", "../usr/lib/os-release")
	h.link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")
	h.link("/etc/alternatives/dangling", "/nowhere")
	for _, name := range []string{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/ld.so.cache",
		"/usr/share/zoneinfo/Europe/Berlin", "/usr/lib/os-release", "/run/systemd/resolve/stub-resolv.conf",
		"/run/systemd/resolve/resolv.conf", "/usr/bin/redis-server", "/usr/sbin/nginx", "/usr/bin/python3"} {
		h.files[name] = File{Mode: 0o644}
	}
	return h
}

func (h *fixedHost) folders(paths ...string) {
	for _, at := range paths {
		for ; at != "/"; at = filepath.Dir(at) {
			h.files[at] = File{Mode: fs.ModeDir | 0o755}
		}
	}
}

func (h *fixedHost) link(at, target string) {
	h.files[at] = File{Mode: fs.ModeSymlink | 0o777, Link: target}
}

func (h *fixedHost) CgroupVersion(string) int { return h.version }
func (h *fixedHost) Controllers(string) ([]string, error) {
	return []string{"cpu", "cpuset", "io", "memory", "pids"}, nil
}
func (h *fixedHost) CPUs() ([]int, error) { return []int{0, 1, 2, 3, 4, 5, 6, 7}, nil }
func (h *fixedHost) User(rootfs, user, group string) (User, error) {
	switch {
	case user == "" && group == "":
		return User{Home: "/root"}, nil
	case user == "blackhole" && rootfs == "/":
		return User{UID: 990, GID: 991, AdditionalGIDs: []uint32{4, 20}, Home: "/var/lib/blackhole"}, nil
	case user == "blackhole":
		return User{UID: 1000, GID: 1000}, nil // another passwd
	}
	return User{}, fmt.Errorf("cannot find user %q", user)
}
func (h *fixedHost) Disks(path string) ([]Disk, error) {
	if path == "/dev/shm" {
		return nil, errors.New("tmpfs has no disk")
	}
	if strings.HasPrefix(path, "/var/lib/blackhole") {
		return []Disk{{Name: "sda", Major: 8, Minor: 0}, {Name: "sdb", Major: 8, Minor: 16}}, nil
	}
	return []Disk{{Name: "sda", Major: 8, Minor: 0}}, nil
}
func (h *fixedHost) Stat(path string) (File, error) {
	if file, ok := h.files[path]; ok {
		return file, nil
	}
	return File{}, &fs.PathError{Op: "lstat", Path: path, Err: fs.ErrNotExist}
}
func (h *fixedHost) HardLimit(resource string) (uint64, error) {
	if resource == "nofile" {
		return h.nofile, nil
	}
	return Infinity, nil
}
func (h *fixedHost) HasCapability(name string) bool { return !slices.Contains(h.lacks, name) }
func (h *fixedHost) OOMScoreAdj() int               { return 0 }
func (h *fixedHost) CgroupFile(_, name string) bool { return !slices.Contains(h.absentFiles, name) }

func load(t *testing.T, files ...string) *Config {
	t.Helper()
	c, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// parsed is a configuration in a string.
func parsed(t *testing.T, text string) *Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "blackhole.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return load(t, file)
}

// TestGolden compares whole translations with files that a person can read and
// has read; `go test ./spec -update` rewrites them.
func TestGolden(t *testing.T) {
	seed := []string{"testdata/seed/isolation.yaml", "testdata/seed/services.yaml"}
	everything := []string{"testdata/everything.yaml"}
	for _, row := range []struct {
		files   []string
		service string
		args    []string
		as      string
	}{
		{seed, "identity", []string{"/usr/sbin/nginx", "-g", "daemon off;"}, "seed-identity"},
		{seed, "storage", []string{"/usr/bin/redis-server"}, "seed-storage"},
		{everything, "storage", nil, "everything-storage"},
		{everything, "identity", nil, "everything-identity"},
		{everything, "worker", nil, "everything-worker"},
	} {
		for version := 1; version <= 2; version++ {
			name := fmt.Sprintf("%s-v%d", row.as, version)
			t.Run(name, func(t *testing.T) {
				c := load(t, row.files...)
				if version == 1 {
					c.Isolation.Cgroup.Version = ptr(CgroupAuto) // the seed wants 2
				}
				got, err := Translate(c, row.service, newHost(version), Options{Args: row.args, HookPath: "/usr/bin/blackhole"})
				if err != nil {
					t.Fatal(err)
				}
				got.Config.Linux.Seccomp = shortProfile(got.Config.Linux.Seccomp)
				golden(t, "testdata/golden/"+name+".json", got)
			})
		}
	}
}

// shortProfile leaves of a profile what tells it from others: its text has
// tests of its own, and depends on the machine's architecture.
func shortProfile(p *specs.LinuxSeccomp) *specs.LinuxSeccomp {
	if p == nil {
		return nil
	}
	return &specs.LinuxSeccomp{DefaultAction: p.DefaultAction, DefaultErrnoRet: p.DefaultErrnoRet}
}

func golden(t *testing.T, file string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range gotLines {
		if i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("%s:%d: got %s\nwant %s", file, i+1, strings.TrimSpace(gotLines[i]),
				strings.TrimSpace(strings.Join(wantLines[min(i, len(wantLines)):min(i+1, len(wantLines))], "")))
		}
	}
	t.Fatalf("%s has more lines than the translation", file)
}
