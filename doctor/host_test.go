package doctor

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"blackhole/spec"
)

// fakeHost is a spec.Host that says what a test wants.
type fakeHost struct {
	spec.Host
	version     int
	controllers []string
	lacks       []string // capabilities
	files       []string // of cgroups
}

func (h *fakeHost) CgroupVersion(string) int             { return h.version }
func (h *fakeHost) Controllers(string) ([]string, error) { return h.controllers, nil }
func (h *fakeHost) HasCapability(name string) bool       { return !slices.Contains(h.lacks, name) }
func (h *fakeHost) CgroupFile(_, name string) bool       { return slices.Contains(h.files, name) }
func (h *fakeHost) HardLimit(string) (uint64, error)     { return 20000, nil }
func (h *fakeHost) OOMScoreAdj() int                     { return 5 }

// goodFiles are a host with all there is, by path.
func goodFiles() map[string]string {
	return map[string]string{
		"/proc/sys/kernel/osrelease":             "6.12.1-x\n",
		"/proc/sys/kernel/seccomp/actions_avail": "kill_process errno allow\n",
		"/proc/pressure/memory":                  "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"/proc/meminfo":                          "MemTotal: 1000 kB\nMemAvailable: 500 kB\nSwapTotal: 100 kB\n",
		"/proc/sys/net/ipv4/ip_forward":          "1\n",
		"/proc/sys/fs/file-nr":                   "800\t0\t1000\n",
		"/proc/sys/kernel/pid_max":               "32768\n",
		"/proc/loadavg":                          "0.00 0.00 0.00 1/200 77\n",
		"/proc/modules":                          "bridge 1 0 - Live 0x0\nveth 1 0 - Live 0x0\n",
		"/proc/1/comm":                           "systemd\n",
		"/lib/modules/6.12.1-x/modules.builtin":  "kernel/net/netfilter/nf_tables.ko\n",
		"/lib/modules/6.12.1-x/modules.dep": "kernel/net/netfilter/nft_nat.ko.xz: kernel/x.ko\nkernel/nft-masq.ko:\nkernel/nft_fib_inet.ko:\nkernel/sch_tbf.ko:\n" +
			"kernel/ifb.ko:\nkernel/sch_ingress.ko:\nkernel/cls_u32.ko:\nkernel/act_mirred.ko:\n",
		"/sys/fs/cgroup/blackhole/a/cgroup.procs": "7\n",
		"/sys/fs/cgroup/docker/cgroup.procs":      "",
		"/boot/config-6.12.1-x":                   "CONFIG_MODULES=y\nCONFIG_NF_TABLES_BRIDGE=y\n",
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const builtIn = "CONFIG_BRIDGE=y\nCONFIG_VETH=y\nCONFIG_NF_TABLES=y\nCONFIG_NFT_NAT=y\n# CONFIG_NFT_MASQ is not set\nCONFIG_NFT_FIB_INET=m\n"

// TestHost changes one thing of a good host, and wants one check to tell of it.
func TestHost(t *testing.T) {
	noModules := func(config string) func(t *testing.T, f map[string]string, h *fakeHost) {
		return func(t *testing.T, f map[string]string, _ *fakeHost) {
			for path := range f {
				if strings.HasPrefix(path, "/lib/modules") || strings.HasPrefix(path, "/boot/") || path == "/proc/modules" {
					delete(f, path)
				}
			}
			if config != "" {
				f["/proc/config.gz"] = zipped(t, config)
			}
		}
	}
	set := func(path, content string) func(t *testing.T, f map[string]string, h *fakeHost) {
		return func(_ *testing.T, f map[string]string, _ *fakeHost) {
			if content == "" {
				delete(f, path)
				return
			}
			f[path] = content
		}
	}
	host := func(change func(h *fakeHost)) func(t *testing.T, f map[string]string, h *fakeHost) {
		return func(_ *testing.T, _ map[string]string, h *fakeHost) { change(h) }
	}
	follows := map[string][]string{"host's load": {"pressure"}, // what else is not well then
		"kernel": {"network", "bandwidth", "network frames"}, "network": {"bandwidth", "network frames"}, "bandwidth": {"network"}, "cgroup": {"pressure", "swap", "disk weights"},
	}
	for name, row := range map[string]struct {
		change        func(t *testing.T, f map[string]string, h *fakeHost)
		check, status string
		found         string // a part
	}{
		"old kernel":         {set("/proc/sys/kernel/osrelease", "5.10.0"), "kernel", Fault, "5.10.0"},
		"strange kernel":     {set("/proc/sys/kernel/osrelease", "x"), "kernel", Warning, `"x"`},
		"not root":           {host(func(h *fakeHost) { h.lacks = []string{"CAP_SYS_ADMIN"} }), "privileges", Fault, "lacks CAP_SYS_ADMIN"},
		"no sys_resource":    {host(func(h *fakeHost) { h.lacks = []string{"CAP_SYS_RESOURCE"} }), "CAP_SYS_RESOURCE", Warning, "not held"},
		"v1":                 {host(func(h *fakeHost) { h.version = 1 }), "cgroup", Warning, "version 1"},
		"no memory":          {host(func(h *fakeHost) { h.controllers = []string{"cpu", "cpuset", "io", "pids"} }), "controllers", Fault, "missing: memory"},
		"no cpuset":          {host(func(h *fakeHost) { h.controllers = []string{"cpu", "memory", "io", "pids"} }), "controllers", Warning, "missing: cpuset"},
		"inner processes":    {set("/sys/fs/cgroup/blackhole/cgroup.procs", "1\n2\n"), "other managers", Fault, "processes 1, 2 are in /sys/fs/cgroup/blackhole itself"},
		"unknown container":  {set("/sys/fs/cgroup/blackhole/b/cgroup.procs", "9\n"), "other managers", Warning, "does not know: b"},
		"left cgroup":        {set("/sys/fs/cgroup/blackhole/b/cgroup.procs", "\n"), "other managers", OK, "docker, systemd"},
		"no seccomp":         {set("/proc/sys/kernel/seccomp/actions_avail", ""), "seccomp", Fault, "no filters"},
		"no pressure":        {set("/proc/pressure/memory", ""), "pressure", Warning, "PSI is not in this kernel"},
		"no swap":            {set("/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n"), "swap", OK, "none"},
		"swap not counted":   {host(func(h *fakeHost) { h.files = []string{"io.weight"} }), "swap", Warning, "100K, not counted"},
		"no weights":         {host(func(h *fakeHost) { h.files = []string{"memory.swap.max"} }), "disk weights", Warning, "neither io.weight nor io.bfq.weight"},
		"a module missing":   {set("/proc/modules", "bridge 1\n"), "network", Fault, "missing: veth (CONFIG_VETH): services"},
		"one of bandwidth":   {set("/lib/modules/6.12.1-x/modules.dep", "kernel/x.ko:\n"), "bandwidth", Fault, "sch_tbf (CONFIG_NET_SCH_TBF), ifb (CONFIG_IFB)"},
		"built in":           {noModules(strings.ReplaceAll(builtIn, "# CONFIG_NFT_MASQ is not set", "CONFIG_MODULES=y\nCONFIG_NFT_MASQ=y")), "network", OK, "all there"},
		"built without":      {noModules(builtIn + "CONFIG_MODULES=y\n"), "network", Fault, "missing: nft_masq (CONFIG_NFT_MASQ):"},
		"no bridge family":   {set("/boot/config-6.12.1-x", "CONFIG_MODULES=y\nCONFIG_NF_TABLES=m\n"), "network frames", Warning, "CONFIG_NF_TABLES_BRIDGE is not in this kernel"},
		"no options":         {set("/boot/config-6.12.1-x", ""), "network frames", Warning, "cannot tell of CONFIG_NF_TABLES_BRIDGE"},
		"m without modules":  {noModules(builtIn), "network", Fault, "missing: nft_masq (CONFIG_NFT_MASQ), nft_fib_inet (CONFIG_NFT_FIB_INET):"},
		"nothing to tell by": {noModules(""), "network", Warning, "cannot tell of bridge"},
		"not zipped": {func(t *testing.T, f map[string]string, h *fakeHost) {
			noModules("")(t, f, h)
			f["/proc/config.gz"] = "x"
		}, "network", Warning, "cannot tell of bridge"},
		"not forwarding":     {set("/proc/sys/net/ipv4/ip_forward", "0\n"), "forwarding", OK, "the first isolated service turns it on"},
		"out of descriptors": {set("/proc/sys/fs/file-nr", "950\t0\t1000\n"), "host's descriptors", Warning, "950 of 1000"},
		"out of processes":   {set("/proc/loadavg", "0.00 0.00 0.00 1/32000 77\n"), "host's processes", Warning, "32000 of 32768"},
		"short of CPUs":      {set("/proc/pressure/cpu", "some avg10=0.00 avg60=70.10 avg300=0.00 total=0\n"), "host's load", Warning, "for a CPU during 70 % of the last minute"},
		"no load told":       {set("/proc/pressure/memory", ""), "host's load", OK, "not told"},
		"out of memory":      {set("/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 40 kB\nSwapTotal: 100 kB\n"), "memory", Warning, "40K of 1000K available"},
	} {
		t.Run(name, func(t *testing.T) {
			files := goodFiles()
			fake := &fakeHost{version: 2, controllers: []string{"cpu", "cpuset", "io", "memory", "pids"}, files: []string{"memory.swap.max", "io.weight"}}
			row.change(t, files, fake)
			root := t.TempDir()
			for path, content := range files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			h := Host{Spec: fake, Cgroup: "/sys/fs/cgroup", State: "/dev/shm/none", Logs: "/proc", Known: []string{"a"}, root: root}
			told := false
			for _, c := range h.Check() {
				switch {
				case c.Name == row.check:
					told = true
					if c.Status != row.status || !strings.Contains(c.Found, row.found) {
						t.Errorf("%s: %s: %s, want %s: %s", c.Name, c.Status, c.Found, row.status, row.found)
					}
				case c.Status != OK && !slices.Contains(follows[row.check], c.Name):
					t.Errorf("%s is %s too: %s", c.Name, c.Status, c.Found)
				}
				if c.Status == Fault && c.Advice == "" {
					t.Errorf("%s: no advice", c.Name)
				}
			}
			if !told {
				t.Errorf("nothing of %s", row.check)
			}
		})
	}
}
