package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// checkHost is a host as the tests of translation have it, with programs that
// can be run and the facts that a validation asks for beyond that.
type checkHost struct {
	*fixedHost
	controllers    []string
	controllersErr error
	cpusErr        error
	noGroup        bool
	hardLimitErr   error
	ownOOMScoreAdj int
}

func newCheckHost() *checkHost {
	h := &checkHost{fixedHost: newHost(2), controllers: []string{"cpu", "cpuset", "io", "memory", "pids"}}
	for _, program := range []string{"/usr/bin/redis-server", "/usr/sbin/nginx", "/usr/bin/python3", "/usr/bin/logger"} {
		h.files[program] = File{Mode: 0o755}
	}
	h.folders("/run/netns", "/sys/class/net", "/srv/root/usr/bin", "/srv/root/opt")
	h.files["/run/netns/edge"] = File{Mode: 0o444}
	h.link("/sys/class/net/eth1", "../../devices/eth1")
	h.files["/srv/root/usr/bin/tool"] = File{Mode: 0o755}
	h.link("/srv/root/bin", "usr/bin")
	h.link("/srv/root/opt/abs", "/usr/bin/tool") // absolute inside the root
	h.link("/srv/root/opt/up", "../../../../usr/bin/tool")
	h.files["/etc/shadow"] = File{Mode: 0o640}
	h.files["/dev/null"] = File{Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666}
	h.folders("/dev")
	h.link("/usr/bin/loop", "loop")
	h.link("/usr/bin/gone", "/nowhere/gone")
	h.link("/usr/bin/redis", "redis-server")
	return h
}

func (h *checkHost) Controllers(string) ([]string, error) { return h.controllers, h.controllersErr }
func (h *checkHost) CPUs() ([]int, error) {
	if h.cpusErr != nil {
		return nil, h.cpusErr
	}
	return h.fixedHost.CPUs()
}

func (h *checkHost) User(rootfs, user, group string) (User, error) {
	if _, ok := h.files[rootfs]; rootfs != "/" && !ok {
		return User{}, fmt.Errorf("cannot find user %q: %s is not there", user, rootfs)
	}
	if h.noGroup && group != "" {
		return User{}, fmt.Errorf("cannot find group %q", group)
	}
	if group == "staff" {
		group = ""
	}
	return h.fixedHost.User(rootfs, user, group)
}

func (h *checkHost) HardLimit(resource string) (uint64, error) {
	if h.hardLimitErr != nil {
		return 0, h.hardLimitErr
	}
	return h.fixedHost.HardLimit(resource)
}
func (h *checkHost) OOMScoreAdj() int { return h.ownOOMScoreAdj }

// TestCheckHostSound: files that fit a host have nothing to say on it.
func TestCheckHostSound(t *testing.T) {
	for _, files := range [][]string{
		{"testdata/everything.yaml"},
		{"testdata/seed/isolation.yaml", "testdata/seed/services.yaml"},
	} {
		faults, warnings := load(t, files...).CheckHost(newCheckHost())
		if len(faults)+len(warnings) > 0 {
			t.Errorf("%v\nfaults:\n%v\nwarnings:\n%v", files, faults, warnings)
		}
	}
}

// TestHostFaults: each fault that depends on the host.
func TestHostFaults(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(profile, []byte(`{"defaultAction": "SCMP_ACT_ALOW"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		change func(h *checkHost)
		faultRow
	}{
		{"version", v1, faultRow{
			"resource_isolation: {cgroup: {version: 2}}\nservices: {a: {}}", "1:40 resource_isolation.cgroup.version",
			"cannot use cgroup v2: /sys/fs/cgroup is not a cgroup v2 hierarchy with controllers; version auto takes what this host has",
		}},
		{"root path", func(h *checkHost) { h.controllersErr = errors.New("cannot list controllers: it is no cgroup") }, faultRow{
			"resource_isolation: {cgroup: {root_path: /sys/fs/cgroup/x}}", "1:42 resource_isolation.cgroup.root_path",
			"cannot list controllers: it is no cgroup",
		}},
		{"controller", func(h *checkHost) { h.controllers = []string{"cpu", "memory"} }, faultRow{
			"resource_isolation: {cgroup: {controllers: [cpu, io]}}", "1:50 resource_isolation.cgroup.controllers[1]",
			"cannot use controller io: /sys/fs/cgroup has cpu, memory",
		}},
		{"controller that nobody named", func(h *checkHost) { h.controllers = nil }, faultRow{
			"services: {a: {resources: {pids: {limit: 5}}}, b: {}}", "1:42 services.a.resources.pids.limit",
			"cannot set pids.limit: /sys/fs/cgroup has no controller pids, it has none",
		}},
		{"cpuset controller", func(h *checkHost) { h.controllers = []string{"cpu", "io", "memory", "pids"} }, faultRow{
			"services: {a: {resources: {cpu: {cpuset: 1}}}}", "1:42 services.a.resources.cpu.cpuset",
			"cannot set cpu.cpuset: /sys/fs/cgroup has no controller cpuset, it has cpu, io, memory, pids",
		}},
		{"on_alert", nil, faultRow{
			"resource_isolation: {monitor: {on_alert: [/usr/bin/none]}}", "1:43 resource_isolation.monitor.on_alert[0]",
			`cannot run "/usr/bin/none": no such file or directory`,
		}},
		{"cpuset", nil, faultRow{
			"services: {a: {resources: {cpu: {cpuset: '6-9,12'}}}}", "1:42 services.a.resources.cpu.cpuset",
			"cannot use CPUs 6-9,12: this host has no CPU 8-9,12, it has 0-7",
		}},
		{"default cpuset", nil, faultRow{
			"resource_isolation: {defaults: {cpu: {cpuset: 8}}}\nservices: {a: {}, b: {}}", "1:47 resource_isolation.defaults.cpu.cpuset",
			"cannot use CPUs 8: this host has no CPU 8, it has 0-7",
		}},
		{"cpus", func(h *checkHost) { h.cpusErr = errors.New("cannot list CPUs: gone") }, faultRow{
			"services: {a: {resources: {cpu: {cpuset: 0}}}}", "1:42 services.a.resources.cpu.cpuset", "cannot list CPUs: gone",
		}},
		{"kernel memory", nil, faultRow{
			"services: {a: {resources: {memory: {kernel: 1M}}}}", "1:45 services.a.resources.memory.kernel",
			"cannot limit kernel memory to 1M: cgroup v2 counts it in memory.limit, use that alone",
		}},
		{"oom_kill_disable", nil, faultRow{
			"services: {a: {resources: {memory: {oom_kill_disable: true}}}}", "1:55 services.a.resources.memory.oom_kill_disable",
			"cannot use true: cgroup v2 always kills at memory.limit, use memory.soft to slow the service down before",
		}},
		{"no disk", nil, faultRow{
			"services: {a: {resources: {io: {device: /dev/shm, read_bps: 1M}}}}", "1:41 services.a.resources.io.device", "tmpfs has no disk",
		}},
		{"realtime", func(h *checkHost) { h.lacks = []string{"CAP_SYS_ADMIN", "CAP_SYS_NICE"} }, faultRow{
			"services: {a: {resources: {io: {priority: realtime}}}}", "1:43 services.a.resources.io.priority",
			"cannot use realtime:4: realtime needs CAP_SYS_NICE, which this process does not have",
		}},
		{"fds", noSysResource, faultRow{
			"services: {a: {resources: {fds: {hard: 20001}}}}", "1:40 services.a.resources.fds.hard",
			"cannot use 20001: the hard limit here is 20000, and above it needs CAP_SYS_RESOURCE, which this process does not have",
		}},
		{"soft fds alone", noSysResource, faultRow{
			"services: {a: {resources: {fds: {soft: 20001}}}}", "1:40 services.a.resources.fds.soft",
			"cannot use 20001: the hard limit here is 20000, and above it needs CAP_SYS_RESOURCE, which this process does not have",
		}},
		{"rlimit", func(h *checkHost) { h.hardLimitErr = errors.New("cannot read the hard limit of core: gone") }, faultRow{
			"services: {a: {resources: {rlimits: {core: 0}}}}", "1:44 services.a.resources.rlimits.core", "cannot read the hard limit of core: gone",
		}},
		{"user", nil, faultRow{
			"services: {a: {security: {user: nobody-here}}}", "1:33 services.a.security.user", `cannot find user "nobody-here"`,
		}},
		{"group", func(h *checkHost) { h.noGroup = true }, faultRow{
			"services: {a: {security: {user: blackhole, group: staff}}}", "1:51 services.a.security.group", `cannot find group "staff"`,
		}},
		{"capability", func(h *checkHost) { h.lacks = []string{"CAP_BPF"} }, faultRow{
			"services: {a: {security: {capabilities: [CAP_CHOWN, CAP_BPF]}}}", "1:53 services.a.security.capabilities[1]",
			"cannot give CAP_BPF: this process does not have it",
		}},
		{"default capability", func(h *checkHost) { h.lacks = []string{"CAP_NET_BIND_SERVICE"} }, faultRow{
			"services: {a: {}}", "0:0 services.a.security.capabilities[0]",
			"cannot give CAP_NET_BIND_SERVICE: this process does not have it",
		}},
		{"oom_score_adj", noSysResource, faultRow{
			"services: {a: {oom_score_adj: -1}}", "1:31 services.a.oom_score_adj",
			"cannot use -1: this process's own is 0, and below it needs CAP_SYS_RESOURCE, which it does not have",
		}},
		{"namespace", nil, faultRow{
			"services: {a: {network: {namespace: core}}}", "1:37 services.a.network.namespace", `cannot join "core": no such file or directory`,
		}},
		{"rootfs", nil, faultRow{
			"services: {a: {rootfs: /srv/none, executable: /x}}", "1:24 services.a.rootfs", `cannot use "/srv/none": no such file or directory`,
		}},
		{"rootfs file", nil, faultRow{
			"services: {a: {rootfs: /etc/passwd, executable: /x}}", "1:24 services.a.rootfs", `cannot use "/etc/passwd": it is not a folder`,
		}},
		{"read_only", nil, faultRow{
			"services: {a: {filesystem: {read_only: [/etc/hosts, /etc/none]}}}", "1:53 services.a.filesystem.read_only[1]",
			`cannot mount "/etc/none": no such file or directory`,
		}},
		{"writable", nil, faultRow{
			"services: {a: {filesystem: {writable: [/var/lib/new, /etc/hosts]}}}", "1:54 services.a.filesystem.writable[1]",
			`cannot mount "/etc/hosts": it is not a folder`,
		}},
		{"writable loop", nil, faultRow{
			"services: {a: {filesystem: {writable: [/usr/bin/loop/x]}}}", "1:40 services.a.filesystem.writable[0]",
			`cannot mount "/usr/bin/loop/x": too many levels of symbolic links`,
		}},
		{"program missing", nil, faultRow{
			"services: {a: {executable: /usr/bin/none}}", "1:28 services.a.executable", `cannot run "/usr/bin/none": no such file or directory`,
		}},
		{"program's folder missing", nil, faultRow{
			"services: {a: {executable: /opt/x/none}}", "1:28 services.a.executable", `cannot run "/opt/x/none": /opt: no such file or directory`,
		}},
		{"program behind a dead link", nil, faultRow{
			"services: {a: {executable: /usr/bin/gone}}", "1:28 services.a.executable", `cannot run "/usr/bin/gone": /nowhere: no such file or directory`,
		}},
		{"program behind a loop", nil, faultRow{
			"services: {a: {executable: /usr/bin/loop}}", "1:28 services.a.executable", `cannot run "/usr/bin/loop": too many levels of symbolic links`,
		}},
		{"program not executable", nil, faultRow{
			"services: {a: {executable: /etc/shadow}}", "1:28 services.a.executable", `cannot run "/etc/shadow": it is not executable (mode 0640)`,
		}},
		{"program a folder", nil, faultRow{
			"services: {a: {executable: /usr/bin}}", "1:28 services.a.executable", `cannot run "/usr/bin": it is a folder`,
		}},
		{"program a device", nil, faultRow{
			"services: {a: {executable: /dev/null}}", "1:28 services.a.executable", `cannot run "/dev/null": it is not a file`,
		}},
		{"program outside the root", nil, faultRow{
			"services: {a: {rootfs: /srv/root, executable: /usr/bin/python3}}", "1:47 services.a.executable",
			`cannot run "/usr/bin/python3": no such file or directory`,
		}},
		{"profile", nil, faultRow{
			"services: {a: {security: {seccomp_profile: /none.json}}}", "1:44 services.a.security.seccomp_profile",
			"cannot read seccomp profile /none.json: no such file or directory",
		}},
		{"broken profile", nil, faultRow{
			"services: {a: {security: {seccomp_profile: " + profile + "}}}", "1:44 services.a.security.seccomp_profile", "*SCMP_ACT_ALOW",
		}},
	} {
		h := newCheckHost()
		if row.change != nil {
			row.change(h)
		}
		testFaults(t, func(t *testing.T, in string) Faults {
			c, err := Parse(Source{"f", []byte(in)})
			if err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			if faults := c.Check(); len(faults) > 0 && row.name != "cpuset controller" {
				t.Errorf("%s is a fault on any host: %v", row.name, faults)
			}
			faults, _ := c.CheckHost(h)
			for i := range faults {
				if part, ok := strings.CutPrefix(row.out, "*"); ok && strings.Contains(faults[i].Message, part) {
					faults[i].Message = row.out
				}
				if faults[i].File == "" && faults[i].Line == 0 {
					faults[i].File = "f" // of a built-in default, which stands nowhere
				}
			}
			return faults
		}, []faultRow{row.faultRow})
	}
}

func v1(h *checkHost) { h.fixedHost.version = 1 }

func noSysResource(h *checkHost) {
	h.lacks = []string{"CAP_SYS_RESOURCE"}
	h.nofile = 20000
}

// TestHostTakes: what could look like a fault and is none.
func TestHostTakes(t *testing.T) {
	for _, row := range []struct {
		name, in string
		change   func(h *checkHost)
	}{
		{"a program in the root", "services: {a: {rootfs: /srv/root, executable: /usr/bin/tool}}", nil},
		{"a program behind a link in the root", "services: {a: {rootfs: /srv/root, executable: /bin/tool}}", nil},
		{"an absolute link counts from the root", "services: {a: {rootfs: /srv/root, executable: /opt/abs}}", nil},
		{"a link cannot leave the root", "services: {a: {rootfs: /srv/root, executable: /opt/up}}", nil},
		{"a program mounted into the root", "services: {a: {rootfs: /srv/root, executable: /usr/bin/python3, filesystem: {read_only: [/usr/bin/python3]}}}", nil},
		{"a linked program", "services: {a: {executable: /bin/redis}}", nil},
		{"a limit below the present one", "services: {a: {resources: {fds: {soft: 1, hard: 20000}, rlimits: {core: unlimited}}}}", noSysResource},
		{"a limit above with the capability", "services: {a: {resources: {fds: {hard: 20001}}}}", func(h *checkHost) { h.nofile = 20000 }},
		{"weights need no disk", "services: {a: {resources: {io: {device: /dev/shm, weight: 10, read_bps: 0}}}}", nil},
		{"realtime with CAP_SYS_NICE", "services: {a: {resources: {io: {priority: realtime}}}}", func(h *checkHost) { h.lacks = []string{"CAP_SYS_ADMIN"} }},
		{"oom_score_adj as its own", "services: {a: {oom_score_adj: -5}}", func(h *checkHost) { noSysResource(h); h.ownOOMScoreAdj = -5 }},
		{"controllers that nobody needs", "services: {a: {}}", func(h *checkHost) { h.controllers = nil }},
		{"v1 memory keys on v1", "services: {a: {resources: {memory: {limit: 1M, oom_kill_disable: true}}}}", v1},
	} {
		h := newCheckHost()
		if row.change != nil {
			row.change(h)
		}
		faults, warnings := parse(t, row.in).CheckHost(h)
		if len(faults)+len(warnings) > 0 {
			t.Errorf("%s: %v %v", row.name, faults, warnings)
		}
	}
}

// TestHostWarnings: what the host cannot do, at the key.
func TestHostWarnings(t *testing.T) {
	for _, row := range []struct {
		in     string
		change func(h *checkHost)
		out    []string // path, and what the message begins with
	}{
		{"services: {a: {resources: {memory: {low: 1M, oom_group: true}}}}", v1, []string{
			"1:42 services.a.resources.memory.low|memory.low",
			"1:57 services.a.resources.memory.oom_group|memory.oom_group",
		}},
		{"resource_isolation: {defaults: {io: {write_bps: 1M, write_iops: 5}}}\nservices: {a: {}, b: {}}", v1, []string{
			"1:49 resource_isolation.defaults.io.write_bps|io.write_bps: cgroup v1",
			"1:65 resource_isolation.defaults.io.write_iops|io.write_iops: cgroup v1",
		}},
		{"services: {a: {priority: critical}}", noSysResource, []string{"1:26 services.a.priority|priority critical: oom_score_adj stays 0"}},
		{"services: {a: {network: {interfaces: [eth1, eth2]}}}", nil, []string{
			`1:45 services.a.network.interfaces[1]|there is no interface "eth2" on this host now`,
		}},
	} {
		h := newCheckHost()
		if row.change != nil {
			row.change(h)
		}
		faults, warnings := parse(t, row.in).CheckHost(h)
		if len(faults) > 0 {
			t.Errorf("%s: %v", row.in, faults)
		}
		var got []string
		for _, w := range warnings {
			got = append(got, fmt.Sprintf("%d:%d %s|%s", w.Line, w.Column, w.Path, w.Message))
		}
		if !slices.EqualFunc(got, row.out, strings.HasPrefix) {
			t.Errorf("%s\ngot  %q\nwant %q", row.in, got, row.out)
		}
	}
}

// TestCheckNamedServices: faults of other services do not concern the named
// one, but where it meets them.
func TestCheckNamedServices(t *testing.T) {
	c := parse(t, `
services:
  good: {}
  bad: {security: {user: nobody-here}, resources: {memory: {limit: 1, soft: 2}}, depends_on: [x]}
  ports: {network: {ports: [80]}}
  same: {network: {ports: [80]}}
`)
	paths := func(faults Faults) []string {
		var p []string
		for _, f := range faults {
			p = append(p, f.Path)
		}
		return p
	}
	for _, row := range []struct {
		services   []string
		file, host []string
	}{
		{[]string{"good"}, nil, nil},
		{[]string{"bad"}, []string{"services.bad.resources.memory.soft", "services.bad.depends_on[0]"}, []string{"services.bad.security.user"}},
		{[]string{"ports"}, []string{"services.same.network.ports[0]"}, nil},
		{[]string{"nosuch"}, nil, nil},
	} {
		if got := paths(c.Check(row.services...)); !reflect.DeepEqual(got, row.file) {
			t.Errorf("%v: file faults at %q, want %q", row.services, got, row.file)
		}
		faults, _ := c.CheckHost(newCheckHost(), row.services...)
		if got := paths(faults); !reflect.DeepEqual(got, row.host) {
			t.Errorf("%v: host faults at %q, want %q", row.services, got, row.host)
		}
	}
}
