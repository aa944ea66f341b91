package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// one is a configuration of one service "s" with the given keys, which runs a
// program that is there.
func one(keys string) string {
	if !strings.Contains(keys, "executable:") {
		keys = "executable: /usr/bin/python3\n" + keys
	}
	return "services:\n  s:\n    " + strings.ReplaceAll(strings.TrimSpace(keys), "\n", "\n    ") + "\n"
}

// translated translates service s.
func translated(t *testing.T, h Host, text string) (*Translation, error) {
	t.Helper()
	return Translate(parsed(t, text), "s", h, Options{})
}

// compact is a value as JSON on one line.
func compact(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// TestTranslateLimits: what each setting becomes, on v2 and v1.
func TestTranslateLimits(t *testing.T) {
	cpu := func(r *specs.LinuxResources) any { return r.CPU }
	weight := func(r *specs.LinuxResources) any { return r.Unified["cpu.weight"] }
	memory := func(r *specs.LinuxResources) any { return []any{r.Memory, r.Unified} }
	io := func(r *specs.LinuxResources) any { return []any{r.BlockIO, r.Unified} }
	for _, row := range []struct {
		in     string
		of     func(*specs.LinuxResources) any
		v2, v1 string
	}{
		{"resources: {cpu: {quota: 1.5, period: 50ms}}", cpu, `{"quota":75000,"period":50000}`, ""},
		{"resources: {cpu: {quota: 0.333}}", cpu, `{"quota":33300,"period":100000}`, ""},
		{"resources: {cpu: {period: 50ms}}", cpu, `{"period":50000}`, ""},
		{"resources: {cpu: {quota: 2, burst: 50ms}}", cpu, `{"quota":200000,"burst":50000,"period":100000}`, ""},
		{"resources: {cpu: {quota: 2, burst: 0}}", cpu, `{"quota":200000,"burst":0,"period":100000}`, ""},
		{"resources: {cpu: {shares: 512}}", cpu, `{"shares":512}`, ""},
		{"resources: {}", cpu, `null`, ""},
		{"priority: critical", cpu, `{"shares":4096}`, ""},
		{"priority: batch", cpu, `{"shares":256}`, ""},
		{"priority: normal", cpu, `null`, ""},
		{"priority: critical\nresources: {cpu: {shares: 100}}", cpu, `{"shares":100}`, ""},

		{"resources: {cpu: {quota: 1}}", weight, `""`, `""`},
		{"resources: {cpu: {shares: 1024}}", weight, `"100"`, `""`},
		{"resources: {cpu: {shares: 3072}}", weight, `"300"`, `""`},
		{"resources: {cpu: {shares: 2}}", weight, `"1"`, `""`},
		{"resources: {cpu: {shares: 262144}}", weight, `"10000"`, `""`},
		{"priority: critical", weight, `"400"`, `""`},
		{"priority: batch", weight, `"25"`, `""`},

		{"resources: {memory: {limit: 1M}}", memory, `[{"limit":1048576},{}]`, `[{"limit":1048576},null]`},
		{"resources: {memory: {limit: 1M, swap: 0}}", memory, `[{"limit":1048576,"swap":1048576},{}]`, `[{"limit":1048576,"swap":1048576},null]`},
		{"resources: {memory: {limit: 1M, swap: 2M}}", memory, `[{"limit":1048576,"swap":3145728},{}]`, `[{"limit":1048576,"swap":3145728},null]`},
		{"resources: {memory: {swap: 2M}}", memory, `[null,{"memory.swap.max":"2097152"}]`, `[null,null]`},
		{"resources: {memory: {limit: 2M, soft: 1M}}", memory, `[{"limit":2097152},{"memory.high":"1048576"}]`, `[{"limit":2097152,"reservation":1048576},null]`},
		{"resources: {memory: {low: 1M}}", memory, `[{"reservation":1048576},{}]`, `[null,null]`},
		{"resources: {memory: {oom_group: true}}", memory, `[null,{"memory.oom.group":"1"}]`, `[null,null]`},
		{"resources: {memory: {oom_group: false}}", memory, `[null,{"memory.oom.group":"0"}]`, `[null,null]`},

		{"resources: {io: {device: /, read_bps: 1M}}", io,
			`[{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1048576}]},{}]`, ""},
		{"resources: {io: {device: /var/lib/blackhole, write_iops: 7}}", io,
			`[{"throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":7},{"major":8,"minor":16,"rate":7}]},{}]`, ""},
		{"resources: {io: {device: /, read_bps: 0, write_bps: 0, read_iops: 0, write_iops: 0}}", io, `[null,{}]`, ""},
		// Without a device: wherever the service sees the host, each disk once.
		{"resources: {io: {read_iops: 7}}", io, `[{"throttleReadIOPSDevice":[{"major":8,"minor":0,"rate":7}]},{}]`, ""},
		{"filesystem: {writable: [/var/lib/blackhole/x]}\nresources: {io: {read_iops: 7}}", io,
			`[{"throttleReadIOPSDevice":[{"major":8,"minor":0,"rate":7},{"major":8,"minor":16,"rate":7}]},{}]`, ""},
		{"resources: {io: {weight: 50}}", io, `[{"weight":50},{"io.weight":"50"}]`, `[{"weight":50},null]`},
		{"priority: batch", io, `[{"weight":25},{"cpu.weight":"25","io.weight":"25"}]`, `[{"weight":25},null]`},
	} {
		for version, want := range map[int]string{2: row.v2, 1: row.v1} {
			if version == 1 && want == "" {
				want = strings.ReplaceAll(row.v2, ",{}]", ",null]")
			}
			got, err := translated(t, newHost(version), one(row.in))
			if err != nil {
				t.Errorf("v%d %s: %v", version, row.in, err)
				continue
			}
			if out := strings.ReplaceAll(compact(row.of(got.Config.Linux.Resources)), "null]", "{}]"); out != strings.ReplaceAll(want, "null]", "{}]") {
				t.Errorf("v%d %s:\ngot  %s\nwant %s", version, row.in, out, want)
			}
			if version == 1 && got.Config.Linux.Resources.Unified != nil {
				t.Errorf("v1 %s: unified is set, which runtimes refuse", row.in)
			}
		}
	}
}

// TestTranslateWarns: what a host cannot do is said, and left out.
func TestTranslateWarns(t *testing.T) {
	lacking := func(version int, files ...string) *fixedHost {
		h := newHost(version)
		h.absentFiles = append(h.absentFiles, files...)
		return h
	}
	noDisk := newHost(2)
	noDisk.files["/dev/shm"] = noDisk.files["/usr"]
	for _, row := range []struct {
		host *fixedHost
		in   string
		out  string
		not  string // must not be in config.json
	}{
		{lacking(2, "cpu.max.burst"), "resources: {cpu: {quota: 1, burst: 10ms}}", "cpu.burst: 10ms is not set: this kernel has no cpu.max.burst", `"burst"`},
		{lacking(1, "cpu.cfs_burst_us"), "resources: {cpu: {quota: 1, burst: 10ms}}", "no cpu.cfs_burst_us", `"burst"`},
		{lacking(2), "resources: {cpu: {burst: 10ms}}", "cpu.burst: 10ms is not set: without cpu.quota there is nothing to save up", `"burst"`},
		{lacking(2, "memory.swap.max"), "resources: {memory: {limit: 1M, swap: 1M}}", "memory.swap: 1048576 is not set: this kernel does not count swap", `"swap"`},
		{lacking(1, "memory.memsw.limit_in_bytes"), "resources: {memory: {limit: 1M, swap: 0}}", "memory.swap: 0 is not set", `"swap"`},
		{lacking(1), "resources: {memory: {swap: 1M}}", "only together with memory.limit", `"swap"`},
		{lacking(1), "resources: {memory: {low: 1M}}", "memory.low: 1048576 is not set", `reservation`},
		{lacking(1), "resources: {memory: {oom_group: true}}", "memory.oom_group is not set", `oom.group`},
		{lacking(1), "resources: {memory: {kernel: 1M}}", "memory.kernel: 1048576 has no effect", ``},
		{lacking(2, "io.weight"), "resources: {io: {weight: 50}}", "io.weight: 50 is not set: this kernel has neither io.bfq.weight nor io.weight", `"weight"`},
		{lacking(1, "blkio.bfq.weight"), "resources: {io: {weight: 50}}", "neither blkio.bfq.weight nor blkio.weight", `"weight"`},
		{lacking(1), "priority: critical", "oom_score_adj stays 0: lowering it to -500 needs CAP_SYS_RESOURCE", `oomScoreAdj`},
	} {
		got, err := translated(t, row.host, one(row.in))
		if err != nil {
			t.Errorf("%s: %v", row.in, err)
			continue
		}
		if !slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.Contains(w, row.out) }) {
			t.Errorf("v%d %s: warnings %q, want %q", row.host.version, row.in, got.Warnings, row.out)
		}
		got.Config.Linux.Seccomp = nil
		if row.not != "" && strings.Contains(compact(got.Config), row.not) {
			t.Errorf("v%d %s: %s is in the configuration", row.host.version, row.in, row.not)
		}
	}
	if got, err := translated(t, newHost(2), one("priority: critical")); err != nil || len(got.Warnings) > 0 || *got.Config.Process.OOMScoreAdj != -500 {
		t.Errorf("with all there is: %v, %v", got, err)
	}
}

// TestTranslateRefuses: what would keep the service from starting.
func TestTranslateRefuses(t *testing.T) {
	for _, row := range []struct {
		version int
		in, out string
	}{
		{2, "executable: \"\"", "service s has no executable: write one in "},
		{1, "resources: {fds: {hard: 30000}}", "the hard limit 30000 of nofile is above the present one of 20000, and raising it needs CAP_SYS_RESOURCE"},
		{1, "oom_score_adj: -1", "oom_score_adj -1 is below this process's own of 0"},
		{2, "resources: {cpu: {quota: 0.005}}", "0.005 cores in a period of 100ms is 500µs, under the kernel's least of 1ms"},
		{2, "resources: {memory: {kernel: 1M}}", "cgroup v2 counts kernel memory in memory.limit"},
		{2, "resources: {memory: {oom_kill_disable: true}}", "use memory.soft"},
		{2, "resources: {io: {device: /dev/shm, read_bps: 1M}}", "io.device: tmpfs has no disk"},
		{2, "security: {user: nobody}", `cannot find user "nobody"`},
		{2, "filesystem: {read_only: [/nowhere]}", "filesystem.read_only: /nowhere does not exist"},
		{2, "filesystem: {read_only: [/etc/alternatives/dangling]}", "/etc/alternatives/dangling does not exist"},
		{2, "filesystem: {tmpfs: [{path: /usr/nowhere}]}", "nothing can be mounted at /usr/nowhere"},
		{2, "filesystem: {tmpfs: [{path: /lib/nowhere}]}", "nothing can be mounted at /usr/lib/nowhere"},
		{2, "security: {seccomp_profile: /nowhere.json}", "/nowhere.json"},
	} {
		text := strings.Replace(one(row.in), "executable: \"\"", "working_dir: /", 1)
		got, err := translated(t, newHost(row.version), text)
		if err == nil || !strings.Contains(err.Error(), row.out) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, %v; want %q", row.in, got, err, row.out)
		}
	}
	text := "resource_isolation: {cgroup: {root_path: /sys/fs/elsewhere}}\n" + one("")
	if _, err := translated(t, newHost(2), text); err == nil || !strings.Contains(err.Error(), "/sys/fs/elsewhere is not at or below /sys/fs/cgroup") {
		t.Errorf("got %v", err)
	}
	if _, err := Translate(parsed(t, one("")), "nosuch", newHost(2), Options{}); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("got %v", err)
	}
}

func TestCgroupsPath(t *testing.T) {
	for root, want := range map[string]string{
		"/sys/fs/cgroup":                        "/blackhole/s",
		"/sys/fs/cgroup/":                       "/blackhole/s",
		"/sys/fs/cgroup/user.slice/app.service": "/user.slice/app.service/blackhole/s",
		"/sys/fs/cgroup/a/../b/":                "/b/blackhole/s",
	} {
		c := parsed(t, one(""))
		c.Isolation.Cgroup.RootPath = &root
		got, err := Translate(c, "s", newHost(2), Options{})
		if err != nil || got.Config.Linux.CgroupsPath != want {
			t.Errorf("%s: got %+v, %v; want %s", root, got, err, want)
		}
	}
}

func TestTranslateProcess(t *testing.T) {
	process := func(keys string, args ...string) *specs.Process {
		t.Helper()
		got, err := Translate(parsed(t, one(keys)), "s", newHost(2), Options{Args: args})
		if err != nil {
			t.Fatal(err)
		}
		return got.Config.Process
	}
	for _, row := range []struct{ got, want any }{
		{process("args: [-V]").Args, []string{"/usr/bin/python3", "-V"}},
		{process("args: [-V]", "sh", "-c", "true").Args, []string{"sh", "-c", "true"}},
		{process("environment: {PATH: /bin, B: '2', A: 'a=b'}").Env, []string{"A=a=b", "B=2", "HOME=/root", "PATH=/bin"}},
		{process("").Cwd, "/"},
		{process("").NoNewPrivileges, true},
		{process("security: {no_new_privs: false}").NoNewPrivileges, false},
		{process("security: {capabilities: []}").Capabilities, specs.LinuxCapabilities{}},
		{process("security: {capabilities: [CAP_SYS_NICE, CAP_KILL]}").Capabilities.Bounding, []string{"CAP_KILL", "CAP_SYS_NICE"}},
		{process("security: {capabilities: [CAP_KILL]}").Capabilities.Ambient, []string(nil)},
		{process("security: {user: blackhole, capabilities: [CAP_KILL]}").Capabilities.Ambient, []string{"CAP_KILL"}},
		{process("resources: {fds: {soft: 10}}").Rlimits, []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 1 << 20}}},
		{process("resources: {fds: {hard: 10}}").Rlimits, []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 10}}},
		{process("resources: {io: {priority: idle}}").IOPriority, specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE}},
		{process("resources: {io: {priority: 'best-effort:7'}}").IOPriority, specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 7}},
		{process("oom_score_adj: -900").OOMScoreAdj, -900},
		{process("oom_score_adj: 3\npriority: batch").OOMScoreAdj, 3},
		{process("priority: batch").OOMScoreAdj, 500},
		{process("").OOMScoreAdj, nil},
	} {
		if compact(row.got) != compact(row.want) {
			t.Errorf("got %s, want %s", compact(row.got), compact(row.want))
		}
	}
}

// The hooks are the program that Options names, and without it there are none:
// then the service has the host's own file of names, as it was.
func TestTranslateHooks(t *testing.T) {
	c := parsed(t, "services: {s: {executable: /bin/true}}")
	for _, program := range []string{"", "/opt/bin/blackhole"} {
		got, err := Translate(c, "s", newHost(2), Options{HookPath: program})
		if err != nil {
			t.Fatal(err)
		}
		hosts := ""
		for _, mount := range got.Config.Mounts {
			if mount.Destination == "/etc/hosts" {
				hosts = mount.Source
			}
		}
		hooks := got.Config.Hooks
		if program == "" {
			if hooks != nil || hosts != "/etc/hosts" || got.Hosts != "" {
				t.Errorf("without hooks: %+v, hosts from %q and %q", hooks, hosts, got.Hosts)
			}
			continue
		}
		if hosts != "hosts" || !slices.Contains(got.Files, "/etc/hosts") || !strings.HasPrefix(got.Hosts, "127.0.0.1\tlocalhost\n") {
			t.Errorf("with hooks: hosts from %q, %q, among %v", hosts, got.Hosts, got.Files)
		}
		for name, list := range map[string][]specs.Hook{"createRuntime": hooks.CreateRuntime, "poststop": hooks.Poststop} {
			if len(list) != 1 || list[0].Path != program || !slices.Equal(list[0].Args, []string{"blackhole", "hook", name}) || *list[0].Timeout != 60 {
				t.Errorf("%s: %+v", name, list)
			}
		}
	}
}

func TestTranslateNetwork(t *testing.T) {
	for _, row := range []struct{ in, namespace, mode string }{
		{"", "{network }", "isolated"},
		{"network: {mode: none}", "{network }", "none"},
		{"network: {mode: host}", "", "host"},
		{"network: {namespace: edge}", "{network /run/netns/edge}", "joined"},
		{"network: {namespace: /proc/1/ns/net}", "{network /proc/1/ns/net}", "joined"},
	} {
		got, err := translated(t, newHost(2), one(row.in))
		if err != nil {
			t.Errorf("%s: %v", row.in, err)
			continue
		}
		namespace := ""
		for _, ns := range got.Config.Linux.Namespaces {
			if ns.Type == specs.NetworkNamespace {
				namespace = fmt.Sprint(ns)
			}
		}
		if namespace != row.namespace || got.Config.Annotations["io.blackhole.network.mode"] != row.mode {
			t.Errorf("%s: got %s and %v", row.in, namespace, got.Config.Annotations)
		}
		if got.Config.Annotations["io.blackhole.service"] != "s" || got.Config.Hostname != "s" {
			t.Errorf("%s: the service's name is missing", row.in)
		}
	}
}
