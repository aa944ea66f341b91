package runtime

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"blackhole/bundle"
	"blackhole/runtime/ahead"
)

// look prints what a program sees of its mounts, devices and namespaces.
// Its errors go the same way, or they would come in between somewhere.
const look = `exec 2>&1; cat /proc/self/mountinfo; ls -lan /dev /etc /data; cut -d: -f1 /proc/net/dev; cat /proc/self/cgroup; ls /sys/class/net /dev/mqueue; ls -lan /proc/self/fd`

// What is made ahead looks from inside, and leaves on the host, what libcontainer
// makes alone.
func TestMadeAheadIsTheSame(t *testing.T) {
	for name, change := range aheadCases(t) {
		t.Run(name, func(t *testing.T) {
			alone, aloneLeft, _ := lookInside(t, change, true)
			mixed, mixedLeft, some := lookInside(t, change, false)
			differ(t, "inside", alone, mixed)
			differ(t, "in the bundle", aloneLeft, mixedLeft)
			if want := !strings.HasPrefix(name, "all left"); some != want {
				t.Errorf("something is made ahead: %v, want %v", some, want)
			}
		})
	}
}

// differ tells which lines are in one of both alone.
func differ(t *testing.T, where, alone, mixed string) {
	t.Helper()
	a, m := strings.Split(alone, "\n"), strings.Split(mixed, "\n")
	for _, line := range a {
		if !slices.Contains(m, line) {
			t.Errorf("%s, by libcontainer alone: %s", where, line)
		}
	}
	for _, line := range m {
		if !slices.Contains(a, line) {
			t.Errorf("%s, made ahead: %s", where, line)
		}
	}
	if len(a) != len(m) {
		t.Errorf("%s: %d lines by libcontainer alone, %d made ahead", where, len(a), len(m))
	}
}

// aheadCases change the configuration of `spec`, in the bundle at dir.
func aheadCases(t *testing.T) map[string]func(dir string, c *specs.Spec) {
	mounts := func(m ...specs.Mount) func(string, *specs.Spec) {
		return func(dir string, c *specs.Spec) {
			for _, m := range m {
				m.Source = strings.ReplaceAll(m.Source, "DIR", dir)
				c.Mounts = append(c.Mounts, m)
			}
		}
	}
	bind := func(source, to string, options ...string) specs.Mount {
		return specs.Mount{Type: "bind", Source: source, Destination: to, Options: options}
	}
	cases := map[string]func(string, *specs.Spec){
		"default": func(string, *specs.Spec) {},
		"cgroup namespace": func(_ string, c *specs.Spec) {
			c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		},
		"host's network": func(_ string, c *specs.Spec) {
			c.Linux.Namespaces = slices.DeleteFunc(c.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
		},
		"another's network and ipc": func(_ string, c *specs.Spec) {
			pid := inNamespaces(t)
			for i, n := range c.Linux.Namespaces {
				switch n.Type {
				case specs.NetworkNamespace:
					c.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/net", pid)
				case specs.IPCNamespace:
					c.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/ipc", pid)
				}
			}
		},
		"binds": mounts(
			bind("DIR/data", "/data", "rbind", "ro", "nosuid"), bind("DIR/data/file", "/etc/made", "bind", "ro", "rro", "rnoexec"),
			bind("DIR/data/file", "/etc/there", "bind", "noatime"), bind("DIR/data", "/data/in", "bind", "rw", "nodiratime"),
			bind("DIR/data", "/missing/deep/in", "rbind", "rprivate"), bind("DIR/data/file", "/missing/file", "bind", "rslave", "strictatime"),
			bind("DIR/data/sub", "/ro", "bind", "ro"), bind("DIR/data/sub", "/as/it/is", "bind"), bind("DIR/data", "/alone", "bind")),
		"shared binds":        mounts(bind("DIR/data", "/data", "rbind", "rshared"), bind("DIR/data", "/data/in", "bind", "shared", "ro", "relatime")),
		"unbindable":          mounts(bind("DIR/data", "/data", "bind", "unbindable")),
		"all tmpfs":           mounts(specs.Mount{Type: "tmpfs", Source: "t", Destination: "/data"}, specs.Mount{Type: "tmpfs", Source: "t", Destination: "/new", Options: []string{"size=4k", "ro"}}),
		"copied up":           mounts(specs.Mount{Type: "tmpfs", Source: "t", Destination: "/data", Options: []string{"tmpcopyup"}}, bind("DIR/data", "/data/in", "bind")),
		"through a link":      mounts(bind("DIR/data", "/link/in", "bind"), bind("DIR/data/file", "/data/f", "bind")),
		"below what is later": mounts(bind("DIR/data", "/sys/fs/cgroup/x", "bind"), bind("DIR/data", "/etc/d", "bind")),
		"the rootfs itself":   mounts(bind("DIR/rootfs", "/data", "rbind"), bind("DIR/data", "/etc/d", "bind")),
		"devices": func(_ string, c *specs.Spec) {
			mode, id := os.FileMode(0o640), uint32(77)
			c.Linux.Devices = []specs.LinuxDevice{
				{Path: "/dev/mine", Type: "c", Major: 1, Minor: 3, FileMode: &mode, UID: &id, GID: &id},
				{Path: "/dev/below/mine", Type: "c", Major: 1, Minor: 5, FileMode: &mode},
				{Path: "/dev/pipe", Type: "p", FileMode: &mode},
				{Path: "/etc/dev", Type: "c", Major: 1, Minor: 3},
			}
		},
		"a device that is covered": func(dir string, c *specs.Spec) {
			c.Mounts = append(c.Mounts, bind(dir+"/data/file", "/dev/tty", "bind"))
		},
		"private": func(_ string, c *specs.Spec) { c.Linux.RootfsPropagation = "private" },
		"all left: shared": func(_ string, c *specs.Spec) {
			c.Linux.RootfsPropagation = "shared"
		},
		"all left: dev is bound": func(_ string, c *specs.Spec) {
			c.Mounts = []specs.Mount{c.Mounts[0], bind("/dev", "/dev", "rbind"), c.Mounts[5]}
		},
	}
	return cases
}

// What cannot be made is told as libcontainer tells it.
func TestMadeAheadFailsTheSame(t *testing.T) {
	for name, m := range map[string]specs.Mount{
		"no source":         {Type: "bind", Source: "/missing", Destination: "/data", Options: []string{"bind"}},
		"folder on a file":  {Type: "bind", Source: "/proc/self", Destination: "/bin/busybox", Options: []string{"bind"}},
		"tmpfs on a file":   {Type: "tmpfs", Source: "t", Destination: "/bin/busybox"},
		"not an option":     {Type: "tmpfs", Source: "t", Destination: "/data", Options: []string{"nope=1"}},
		"on all":            {Type: "tmpfs", Source: "t", Destination: "/"},
		"in proc":           {Type: "tmpfs", Source: "t", Destination: "/proc/sys"},
		"through a file":    {Type: "tmpfs", Source: "t", Destination: "/bin/busybox/x"},
		"no such type":      {Type: "nope", Source: "t", Destination: "/data"},
		"sysfs over a link": {Type: "sysfs", Source: "t", Destination: "/link"},
	} {
		t.Run(name, func(t *testing.T) {
			var said []string
			for _, plain := range []bool{true, false} {
				dir, _ := newBundle(t, "true")
				if err := os.Symlink("tmp", filepath.Join(dir, "rootfs/link")); err != nil {
					t.Fatal(err)
				}
				c := bundle.Default()
				c.Process.Terminal = false
				c.Mounts = append(c.Mounts, m)
				writeConfig(t, dir, c)
				r := &Runtime{Root: filepath.Join(t.TempDir(), "run"), Warn: func(err error) { t.Error(err) }}
				_, err := r.Run(RunOptions{CreateOptions: CreateOptions{ID: "ahead-test", Bundle: dir, plain: plain}})
				if err == nil {
					t.Fatal("it could be made")
				}
				said = append(said, regexp.MustCompile(`fd/\d+`).ReplaceAllString(strings.ReplaceAll(err.Error(), dir, "DIR"), "fd/N"))
				if left, err := os.ReadDir(r.Root); len(left) > 0 {
					t.Errorf("left: %v, %v", left, err)
				}
			}
			if said[0] != said[1] {
				t.Errorf("by libcontainer alone: %s\nmade ahead: %s", said[0], said[1])
			}
		})
	}
}

// lookInside runs a container and tells what it saw, what is in the bundle
// afterwards, and whether something is made ahead.
func lookInside(t *testing.T, change func(string, *specs.Spec), plain bool) (seen, left string, some bool) {
	dir, old := newBundle(t, "sh", "-c", look)
	c := bundle.Default()
	c.Process.Args, c.Process.Terminal, c.Root.Readonly = old.Process.Args, false, false
	for _, d := range []string{"rootfs/data", "rootfs/etc", "data/in"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "rootfs/data"), 0o1751|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(dir, "data/sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("sub", sub, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOATIME, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(sub, unix.MNT_DETACH) }()
	for _, f := range []string{"data/file", "rootfs/etc/there", "rootfs/data/f"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("data", filepath.Join(dir, "rootfs/link")); err != nil {
		t.Fatal(err)
	}
	change(dir, c)
	writeConfig(t, dir, c)
	r := &Runtime{Root: filepath.Join(t.TempDir(), "run"), Warn: func(err error) { t.Error(err) }}
	o := RunOptions{CreateOptions: CreateOptions{ID: "ahead-test", Bundle: dir, plain: plain}}
	log, err := os.Create(filepath.Join(dir, "..", "log")) // what fails ahead is told here alone
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	logrus.SetOutput(log)
	logrus.SetLevel(logrus.DebugLevel)
	defer logrus.SetOutput(os.Stderr)
	defer logrus.SetLevel(logrus.InfoLevel)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	text := make(chan string)
	go func() {
		data, _ := io.ReadAll(out)
		text <- string(data)
	}()
	o.Stdout, o.Stderr = in, in
	code, err := r.Run(o)
	in.Close()
	seen = <-text
	if code != 0 || err != nil {
		t.Fatalf("%d, %v: %s", code, err, seen)
	}
	if said, err := os.ReadFile(log.Name()); err != nil || strings.Contains(string(said), "made ahead") {
		t.Errorf("%s, %v", said, err)
	}
	config, err := r.config(&o.CreateOptions, c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := manager.New(config.Cgroups)
	if err != nil {
		t.Fatal(err)
	}
	list, err := exec.Command("sh", "-c", "cd \"$0\" && find . ! -name config.json -printf '%p %M %U %G %l\\n' | sort", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return alike(seen, dir), string(list), ahead.Plan(config, m) != nil
}

// alike leaves out what differs between any two containers: numbers of mounts,
// devices, inodes and peer groups, times, names of folders; and the order of mounts.
func alike(text, dir string) string {
	text = strings.ReplaceAll(text, dir, "DIR")
	var lines []string
	for line := range strings.Lines(text) {
		if before, _, isMount := strings.Cut(line, " - "); isMount && strings.Count(before, " ") >= 5 {
			f := strings.Fields(line)
			line = strings.Join(f[3:], " ") + "\n"
			if f[4] != "/sys/fs/cgroup/systemd" { // its source is what the host's is
				lines = append(lines, line)
			}
			continue
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	text = strings.Join(lines, "")
	text = regexp.MustCompile(`(?:shared|master|propagate_from):\d+`).ReplaceAllString(text, "PEERS")
	text = regexp.MustCompile(`\w{3} +\d+ \d\d:\d\d`).ReplaceAllString(text, "TIME")
	text = regexp.MustCompile(`dr-xr-xr-x +\d+ `).ReplaceAllString(text, "dr-xr-xr-x ") // /proc
	return regexp.MustCompile(`(pipe|socket):\[\d+\]|/proc/\d+|/00\d/`).ReplaceAllString(text, "N")
}

// inNamespaces starts a process in a network and an IPC namespace of its own.
func inNamespaces(t *testing.T) int {
	cmd := exec.Command("/bin/busybox", "sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWIPC}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}
