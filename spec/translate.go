package spec

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	profiles "blackhole/seccomp-profiles"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// ociVersion is what the bundles say they follow. Keys of later versions in
// them (process.ioPriority, cpu.burst, unified) are passed over by a runtime that
// does not know them, as the specification demands; but crun 1.8, of
// Debian 12, runs nothing that says more than 1.0.
const ociVersion = "1.0.2"

// ServiceAnnotation names the service in a bundle's annotations.
const ServiceAnnotation = "io.blackhole.service"

// Options is what Translate takes beside the configuration. Its zero value is ready.
type Options struct {
	Args []string // a program and its arguments in place of executable and args
	// HookPath is the program of the network's hooks, blackhole itself; without
	// it the bundle has no hooks, and a service no network but loopback.
	HookPath string
}

// Translation is a service as an OCI runtime runs it. Its paths in the root
// file system are absolute, from the root of the service.
type Translation struct {
	Config *specs.Spec

	// The root file system of a service that has none of its own is a folder
	// "rootfs" in the bundle that holds nothing but these:
	Links map[string]string // symbolic links, path to target
	Dirs  []string          // folders: mount points and the working directory, sorted
	Files []string          // empty files that files are mounted on, sorted

	// Hosts is the first content of the file params.HostsFile in the bundle,
	// the service's /etc/hosts; empty when it has none.
	Hosts string

	Writable []string // folders of the host to make on demand, owned by Config.Process.User
	Warnings []string // what this host cannot do, one line each
}

// Translate says in OCI's words what a service of the configuration may use
// and see. It takes the host's facts from h alone, so the same input gives the
// same result. The configuration should have passed Check and CheckHost; Prepare does all.
//
// It fails for what would keep the service from starting; what the host merely
// cannot limit is a warning.
func Translate(c *Config, name string, h Host, o Options) (*Translation, error) {
	service, err := c.Service(name)
	if err != nil {
		return nil, err
	}
	t := &translator{config: c, name: name, service: service, host: h, out: &Translation{}}
	if len(o.Args) == 0 && value(service.Executable) == "" {
		return nil, c.errNoProgram(name)
	}
	if err := t.translate(o); err != nil {
		return nil, fmt.Errorf("cannot translate service %s: %w", name, err)
	}
	return t.out, nil
}

// translator holds one translation under way.
type translator struct {
	config  *Config
	name    string
	service *Service // defaults merged in
	host    Host
	out     *Translation
	user    User
	root    string // the cgroup root, clean
	v2      bool   // its version
}

func (t *translator) warn(format string, args ...any) {
	t.out.Warnings = append(t.out.Warnings, fmt.Sprintf(format, args...))
}

func (t *translator) translate(o Options) (err error) {
	if t.root, err = cgroupRoot(t.config.EffectiveIsolation().Cgroup); err != nil {
		return err
	}
	t.v2 = t.host.CgroupVersion(t.root) == 2
	if v := t.config.Isolation.Cgroup.Version; v != nil && *v == "2" && !t.v2 {
		return fmt.Errorf("cgroup.version is 2, but %s is not a cgroup v2 hierarchy", t.root)
	}
	rootfs := rootOf(t.service)
	if t.user, err = t.host.User(rootfs, value(t.service.Security.User), value(t.service.Security.Group)); err != nil {
		return err
	}
	process, err := t.process(o)
	if err != nil {
		return err
	}
	resources, err := t.resources()
	if err != nil {
		return err
	}
	namespaces, annotations := t.network()
	annotations[ServiceAnnotation] = t.name

	t.out.Config = &specs.Spec{
		Version:     ociVersion,
		Process:     process,
		Hostname:    t.name,
		Annotations: annotations,
		Hooks:       networkHooks(o.HookPath),
		Linux: &specs.Linux{
			CgroupsPath:   path.Join("/", strings.TrimPrefix(t.root, cgroupMount), "blackhole", t.name),
			Namespaces:    namespaces,
			Resources:     resources,
			MaskedPaths:   maskedPaths(),
			ReadonlyPaths: t.readonlyPaths(),
		},
	}
	profile := value(t.service.Security.SeccompProfile)
	if t.out.Config.Linux.Seccomp, err = profiles.Load(profile); err != nil {
		return err
	}
	if profile == profiles.Default {
		// Who gives CAP_SYS_TIME to a service means clock_settime(2).
		profiles.Grant(t.out.Config.Linux.Seccomp, process.Capabilities.Bounding)
	}
	return t.filesystem(o, rootfs)
}

// cgroupMount is where every OCI runtime looks for cgroups: cgroupsPath counts from there.
const cgroupMount = "/sys/fs/cgroup"

func cgroupRoot(c Cgroup) (string, error) {
	root := path.Clean(value(c.RootPath))
	if root != cgroupMount && !strings.HasPrefix(root, cgroupMount+"/") {
		return "", fmt.Errorf("cgroup.root_path %s is not at or below %s, where OCI runtimes look for cgroups", root, cgroupMount)
	}
	return root, nil
}

// value is what p points to, or the zero value where nothing was written.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// errNoProgram is for a service that is only its limits.
func (c *Config) errNoProgram(name string) error {
	file := c.places["services."+name].File
	if file == "" {
		file = "the configuration"
	}
	return fmt.Errorf("service %s has no executable: write one in %s or give it after --", name, file)
}

// maskedPaths hides what tells of the host, or is a way to it, behind nothing;
// the engines' usual list. Those a kernel does not have are passed over by the
// runtime.
func maskedPaths() []string {
	return []string{
		"/proc/acpi",
		"/proc/asound",
		"/proc/interrupts", // timing of other services' input and disks
		"/proc/kcore",      // the host's memory
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/sched_debug", // lists the host's processes
		"/proc/scsi",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/sys/devices/virtual/powercap", // energy counters: PLATYPUS, CVE-2020-8694
		"/sys/firmware",
	}
}

// readonlyPaths are settings of the whole host that lie in /proc. On v1 the folder
// that holds the hierarchies is a file system in memory, which runtimes mount
// writable though the mount says ro.
func (t *translator) readonlyPaths() []string {
	paths := []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
	if !t.v2 {
		paths = append(paths, cgroupMount)
	}
	return paths
}

// errLinkLoop is ELOOP.
var errLinkLoop = errors.New("too many levels of symbolic links")

// resolve follows the links in a path of the host as the kernel does, as far
// as it exists: what is missing is taken as written.
func resolve(h Host, written string) (string, error) {
	const maxLinks = 40 // the kernel's own limit, path_resolution(7)
	resolved, rest := "/", strings.Split(path.Clean(written), "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			resolved = path.Dir(resolved)
			continue
		}
		file, err := h.Stat(path.Join(resolved, part))
		if err != nil || file.Link == "" {
			resolved = path.Join(resolved, part)
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("cannot follow %s: %w", written, errLinkLoop)
		}
		if path.IsAbs(file.Link) {
			resolved = "/"
		}
		rest = slices.Concat(strings.Split(file.Link, "/"), rest)
	}
	return resolved, nil
}
