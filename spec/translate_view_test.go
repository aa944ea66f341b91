package spec

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// seen translates service s, and gives its mounts by destination.
func seen(t *testing.T, h Host, keys string) (*Translation, map[string]specs.Mount) {
	t.Helper()
	got, err := translated(t, h, one(keys))
	if err != nil {
		t.Fatal(err)
	}
	mounts := map[string]specs.Mount{}
	for i, mount := range got.Config.Mounts {
		if _, twice := mounts[mount.Destination]; twice {
			t.Errorf("%s is mounted twice", mount.Destination)
		}
		for _, later := range got.Config.Mounts[i:] {
			if strings.HasPrefix(mount.Destination, later.Destination+"/") {
				t.Errorf("%s is mounted after %s, and hides it", later.Destination, mount.Destination)
			}
		}
		mounts[mount.Destination] = mount
	}
	return got, mounts
}

// needs fails unless the mount is there, from source, with all the options.
func needs(t *testing.T, mounts map[string]specs.Mount, at, source string, options ...string) {
	t.Helper()
	mount, ok := mounts[at]
	if !ok || mount.Source != source {
		t.Errorf("%s: got %+v, want a mount of %s", at, mount, source)
	}
	for _, option := range options {
		if !slices.Contains(mount.Options, option) {
			t.Errorf("%s: options %v lack %s", at, mount.Options, option)
		}
	}
}

func TestHostView(t *testing.T) {
	got, mounts := seen(t, newHost(2), "")
	if got.Config.Root.Path != "rootfs" || !got.Config.Root.Readonly {
		t.Errorf("root is %+v", got.Config.Root)
	}
	needs(t, mounts, "/usr", "/usr", "rbind", "ro", "rro", "nosuid", "nodev")
	needs(t, mounts, "/etc/passwd", "/etc/passwd", "bind", "ro")
	needs(t, mounts, "/tmp", "tmpfs", "mode=1777", "nosuid", "nodev", "size=67108864")
	for _, hidden := range []string{"/etc", "/etc/shadow", "/root", "/home", "/var", "/bin", "/etc/localtime", "/etc/timezone"} {
		if _, ok := mounts[hidden]; ok {
			t.Errorf("%s is mounted", hidden)
		}
	}
	want := map[string]string{"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib", "/lib64": "usr/lib64",
		"/etc/localtime": "/usr/share/zoneinfo/Europe/Berlin", "/etc/os-release": "../usr/lib/os-release"}
	if !maps.Equal(got.Links, want) {
		t.Errorf("links %v, want %v", got.Links, want)
	}
	if !slices.Contains(got.Config.Linux.MaskedPaths, "/etc/ssl/private") {
		t.Error("the host's private keys are shown")
	}
}

// A distribution that has not merged /bin into /usr.
func TestHostViewOfFolders(t *testing.T) {
	h := newHost(2)
	delete(h.files, "/lib64")
	h.folders("/bin", "/lib")
	got, mounts := seen(t, h, "")
	needs(t, mounts, "/bin", "/bin", "ro", "rro")
	needs(t, mounts, "/lib", "/lib", "ro", "rro")
	if _, linked := got.Links["/bin"]; linked || got.Links["/lib64"] != "" || got.Links["/sbin"] == "" {
		t.Errorf("links %v", got.Links)
	}
	if !slices.Contains(got.Dirs, "/bin") || slices.Contains(got.Dirs, "/lib64") {
		t.Errorf("folders %v", got.Dirs)
	}
}

func TestResolvConf(t *testing.T) {
	const stub, upstream = "/run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/resolv.conf"
	_, mounts := seen(t, newHost(2), "")
	needs(t, mounts, "/etc/resolv.conf", upstream, "ro")
	_, mounts = seen(t, newHost(2), "network: {mode: host}")
	needs(t, mounts, "/etc/resolv.conf", stub, "ro")
	h := newHost(2)
	delete(h.files, upstream)
	_, mounts = seen(t, h, "")
	needs(t, mounts, "/etc/resolv.conf", stub, "ro")
	h = newHost(2)
	h.link("/etc/resolv.conf", "/run/dnsmasq.conf") // another resolver's
	h.files["/run/dnsmasq.conf"] = File{Mode: 0o644}
	_, mounts = seen(t, h, "")
	needs(t, mounts, "/etc/resolv.conf", "/run/dnsmasq.conf", "ro")
	h.files["/etc/resolv.conf"] = File{Mode: 0o644}
	_, mounts = seen(t, h, "")
	needs(t, mounts, "/etc/resolv.conf", "/etc/resolv.conf", "ro")
	h.link("/etc/resolv.conf", "/run/gone")
	if _, mounts = seen(t, h, ""); mounts["/etc/resolv.conf"].Source != "" {
		t.Error("a link that points nowhere is mounted")
	}
}

func TestFilesystem(t *testing.T) {
	h := newHost(2)
	h.folders("/data/there", "/srv/app/conf")
	h.files["/srv/file"] = File{Mode: 0o600}
	h.link("/data/link", "../elsewhere/made")
	got, mounts := seen(t, h, `
working_dir: /data/there
security: {user: blackhole}
filesystem:
  writable: [/data/new, /data/there/, /data/link, /usr/share/made]
  read_only: [/data, /srv/file, /etc/ssl/private]
  tmpfs: [{path: /run, size: 1M}, {path: /tmp, size: 2M}, {path: /data/there/cache}]`)
	needs(t, mounts, "/data", "/data", "rbind", "ro", "rro")
	needs(t, mounts, "/data/new", "/data/new", "rbind", "rw", "nosuid", "nodev")
	needs(t, mounts, "/data/there", "/data/there", "rw")
	needs(t, mounts, "/usr/share/made", "/usr/share/made", "rw")
	needs(t, mounts, "/srv/file", "/srv/file", "bind", "ro")
	needs(t, mounts, "/run", "tmpfs", "size=1048576", "mode=0755", "uid=990", "gid=991")
	needs(t, mounts, "/tmp", "tmpfs", "size=2097152", "mode=1777")
	needs(t, mounts, "/data/there/cache", "tmpfs", "size=67108864")
	if want := []string{"/data/new", "/elsewhere/made", "/usr/share/made"}; !slices.Equal(got.Writable, want) {
		t.Errorf("to make: %v, want %v", got.Writable, want)
	}
	if !slices.Contains(got.Files, "/srv/file") || slices.Contains(got.Dirs, "/srv/file") || !slices.Contains(got.Dirs, "/data") ||
		slices.Contains(got.Dirs, "/data/new") {
		t.Errorf("folders %v, files %v", got.Dirs, got.Files)
	}
	if slices.Contains(got.Config.Linux.MaskedPaths, "/etc/ssl/private") {
		t.Error("keys that the service was given are hidden from it")
	}
}

// The same path listed twice is mounted once, by the later kind.
func TestFilesystemTwice(t *testing.T) {
	h := newHost(2)
	h.folders("/data")
	_, mounts := seen(t, h, "filesystem: {read_only: [/data], writable: [/data, /lib/locale]}")
	needs(t, mounts, "/data", "/data", "rw")
	needs(t, mounts, "/usr/lib/locale", "/usr/lib/locale", "rw") // /lib is a link there
}

func TestProgramsFolder(t *testing.T) {
	h := newHost(2)
	h.folders("/opt/app/bin", "/opt/app-2/bin", "/tmp/build", "/data/bin")
	for _, name := range []string{"/opt/app-2/bin/app", "/tmp/build/app", "/tmp/app", "/etc/app", "/app", "/data/bin/app"} {
		h.files[name] = File{Mode: 0o755}
	}
	h.link("/opt/app/bin/app", "../../app-2/bin/app")
	h.link("/usr/bin/app", "/opt/app-2/bin/app")
	for _, row := range []struct {
		program string
		want    map[string]bool // mounted or not
	}{
		{"/opt/app-2/bin/app", map[string]bool{"/opt/app-2/bin": true, "/opt": false}},
		{"/opt/app/bin/app", map[string]bool{"/opt/app/bin": true, "/opt/app-2/bin": true}},
		{"/usr/bin/app", map[string]bool{"/opt/app-2/bin": true, "/usr/bin": false}},
		{"/bin/python3", map[string]bool{"/bin": false, "/usr/bin": false}},
		{"/tmp/build/app", map[string]bool{"/tmp/build": true, "/tmp": true}},
		{"/tmp/app", map[string]bool{"/tmp/app": true}}, // the file alone: the service's /tmp is its own
		{"/etc/app", map[string]bool{"/etc/app": true, "/etc": false}},
		{"/app", map[string]bool{"/app": true, "/": false}},
	} {
		_, mounts := seen(t, h, "executable: "+row.program)
		for at, want := range row.want {
			if _, got := mounts[at]; got != want {
				t.Errorf("%s: %s is mounted: %v", row.program, at, got)
			}
		}
		needs(t, mounts, "/tmp", "tmpfs")
	}
	_, mounts := seen(t, h, "executable: /data/bin/app\nfilesystem: {writable: [/data]}")
	if _, ok := mounts["/data/bin"]; ok {
		t.Error("a folder that is shown anyway is mounted again")
	}
}

func TestWorkingDir(t *testing.T) {
	for _, row := range []struct {
		dir            string
		mounted, empty bool
	}{
		{"/srv/app", true, true}, // a mount point
		{"/nowhere", false, true},
		{"/usr/lib", false, false},
		{"/tmp/x", false, false},
		{"/etc", false, true}, // holds what the service sees of /etc, and no more
		{"/", false, false},
	} {
		got, mounts := seen(t, newHost(2), "working_dir: "+row.dir)
		if _, ok := mounts[row.dir]; ok != row.mounted || slices.Contains(got.Dirs, row.dir) != row.empty {
			t.Errorf("%s: mounted %v, folders %v", row.dir, ok, got.Dirs)
		}
	}
}

func TestRootfsFolder(t *testing.T) {
	h := newHost(2)
	h.folders("/srv/root", "/data")
	got, mounts := seen(t, h, "executable: /init\nrootfs: /srv/root\nsecurity: {user: blackhole}\nfilesystem: {writable: [/data]}")
	if *got.Config.Root != (specs.Root{Path: "/srv/root", Readonly: true}) {
		t.Errorf("root is %+v", got.Config.Root)
	}
	if got.Config.Process.User.UID != 1000 {
		t.Errorf("user %+v is not from its own passwd", got.Config.Process.User)
	}
	for _, at := range []string{"/usr", "/etc/passwd", "/etc/resolv.conf"} {
		if _, ok := mounts[at]; ok {
			t.Errorf("%s of the host is shown", at)
		}
	}
	needs(t, mounts, "/data", "/data", "rw")
	needs(t, mounts, "/proc", "proc")
	if len(got.Links)+len(got.Dirs)+len(got.Files) > 0 {
		t.Errorf("%v %v %v are to be made in somebody's folder", got.Links, got.Dirs, got.Files)
	}
}

func TestResolve(t *testing.T) {
	h := &fixedHost{files: map[string]File{}}
	h.folders("/a/b")
	h.link("/a/up", "../c")
	h.link("/c", "a/b")
	h.link("/loop", "loop2")
	h.link("/loop2", "/loop")
	h.link("/a/b/out", "../../../../x")
	for in, want := range map[string]string{
		"/a/b": "/a/b", "/a/./b/": "/a/b", "/a/up/new/x": "/a/b/new/x", "/a/up/../b": "/a/b", "/a/b/out/y": "/x/y", "/nowhere/x": "/nowhere/x",
	} {
		if got, err := resolve(h, in); got != want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", in, got, err, want)
		}
	}
	if got, err := resolve(h, "/loop/x"); err == nil || !strings.Contains(err.Error(), "/loop/x") {
		t.Errorf("a loop leads to %s, %v", got, err)
	}
}
