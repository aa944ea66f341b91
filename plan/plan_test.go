package plan

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"blackhole/spec"
)

func parse(t *testing.T, text string) *spec.Config {
	t.Helper()
	c, err := spec.Parse(spec.Source{Name: "f.yaml", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	if faults := c.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	return c
}

func hostOf(t *testing.T, text string) Host {
	t.Helper()
	h, err := ParseHost(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestOver has one row a rule: services, host, and the findings, in order.
func TestOver(t *testing.T) {
	for name, row := range map[string]struct {
		services, host string
		want           []string
	}{
		"fits":              {"{a: {resources: {cpu: {quota: 3.4}, memory: {limit: 850M}}}}", "cpus=4,memory=1000M", nil},
		"quota":             {"{a: {resources: {cpu: {quota: 2}}}, b: {resources: {cpu: {quota: 1.5}}}}", "cpus=4", []string{"over 1:41 services.a.resources.cpu.quota: 3.5 asked, 3.4 of 4 to plan with: 0.1 too much (a 2, b 1.5)"}},
		"no quota":          {"{a: {}, b: {resources: {cpu: {quota: 3}}}}", "cpus=4", nil},
		"memory":            {"{a: {resources: {memory: {limit: 900M}}}}", "memory=1000M", []string{"over 1:44 services.a.resources.memory.limit: 900M asked, 850M of 1000M to plan with: 50M too much (a 900M)"}},
		"soft without soft": {"{a: {resources: {memory: {limit: 2G, soft: 500M}}}, b: {resources: {memory: {limit: 500M}}}}", "memory=1000M", []string{"over 1:44 services.a.resources.memory.limit: 2.5G asked, 850M of 1000M to plan with: 1.7G too much (a 2G, b 500M)", "over 1:54 services.a.resources.memory.soft: 1000M asked, 850M of 1000M to plan with: 150M too much (a 500M, b 500M)"}},
		"low":               {"{a: {resources: {memory: {low: 900M}}}}", "memory=1000M", []string{"over 1:42 services.a.resources.memory.low: 900M asked, 850M of 1000M to plan with: 50M too much (a 900M)"}},
		"swap of none":      {"{a: {resources: {memory: {swap: 1M}}}, b: {resources: {memory: {swap: 0}}}}", "swap=0", []string{"over 1:43 services.a.resources.memory.swap: 1M asked, the host has none (a 1M)"}},
		"swap unknown":      {"{a: {resources: {memory: {swap: 1M}}}}", "cpus=1", nil},
		"pids":              {"{a: {resources: {pids: {limit: 1000}}}}", "pids=1000", []string{"over 1:42 services.a.resources.pids.limit: 1000 asked, 850 of 1000 to plan with: 150 too much (a 1000)"}},
		"fds, soft as hard": {"{a: {resources: {fds: {soft: 1000}}}}", "fds=1000", []string{"over 1:40 services.a.resources.fds.soft: 1000 asked, 850 of 1000 to plan with: 150 too much (a 1000)"}},
		"disk":              {"{a: {resources: {io: {device: /srv, read_bps: 60M}}}, b: {resources: {io: {device: /srv, read_bps: 60M}}}}", "read_bps=100M", []string{"over 1:57 services.a.resources.io.read_bps: 120M/s asked, 85M/s of 100M/s to plan with: 35M/s too much (a 60M/s, b 60M/s)"}},
		"two disks":         {"{a: {resources: {io: {device: /a, read_bps: 60M}}}, b: {resources: {io: {device: /b, read_bps: 60M}}}}", "read_bps=100M", nil},
		"disk by name":      {"{a: {resources: {io: {device: /a, write_iops: 60}}}, b: {resources: {io: {device: /b, write_iops: 60}}}}", "write_iops=100,/b.write_iops=50", []string{"over 1:109 services.b.resources.io.write_iops: 60 asked, 42 of 50 to plan with: 18 too much (b 60)"}},
		"network":           {"{a: {resources: {network: {bandwidth: {egress_rate: 9mbit}}}}}", "network=10mbit", []string{"over 1:63 services.a.resources.network.bandwidth.egress_rate: 1.1M/s asked, 1M/s of 1.2M/s to plan with: 61K/s too much (a 1.1M/s)"}},
		"no network":        {"{a: {network: {mode: none}}, b: {network: {mode: host}}}", "network=1kbit", nil},
		"cpuset not there":  {"{a: {resources: {cpu: {cpuset: 2-5}}}}", "cpus=0-3", []string{"over 1:42 services.a.resources.cpu.cpuset: 4 asked, 3.4 of 4 to plan with: 0.6 too much (a 4)", "over 1:42 services.a.resources.cpu.cpuset: a needs CPUs 2-5, and the host has no CPU 4-5"}},
		"quota over cpuset": {"{a: {resources: {cpu: {quota: 2, cpuset: 1}}}}", "cpus=8", []string{"note 1:41 services.a.resources.cpu.quota: a quota of 2 cores is more than the 1 CPUs of its cpuset 1, which it cannot leave"}},
		"cpusets overlap":   {"{a: {resources: {cpu: {quota: 1, cpuset: 0-1}}}, b: {resources: {cpu: {quota: 0.9, cpuset: 1}}}, c: {resources: {cpu: {quota: 1}}}}", "cpus=8", nil},
		"cpusets too small": {"{a: {resources: {cpu: {quota: 0.8, cpuset: 1}}}, b: {resources: {cpu: {quota: 0.5, cpuset: 1}}}}", "cpus=8", []string{"over 1:54 services.a.resources.cpu.cpuset: CPUs 1 would carry 130 % each (a, b): there are too few CPUs that these may run on"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Make(Input{Config: parse(t, "services: "+row.services), Host: hostOf(t, row.host), Headroom: 0.15})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			over := false
			for _, f := range p.Findings {
				got = append(got, fmt.Sprintf("%s %d:%d %s: %s", f.Severity, f.Line, f.Column, f.Path, f.Message))
				over = over || f.Severity == Over
			}
			if !slices.Equal(got, row.want) || p.Over != over {
				t.Errorf("over is %v, findings:\n%s\nwant:\n%s", p.Over, strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

// TestHeadroom: the same services fit without it.
func TestHeadroom(t *testing.T) {
	c := parse(t, "services: {a: {resources: {cpu: {quota: 4}}}}")
	for headroom, over := range map[float64]bool{0: false, 0.01: true, 0.2: true} {
		p, err := Make(Input{Config: c, Host: hostOf(t, "cpus=4"), Headroom: headroom})
		if err != nil || p.Over != over {
			t.Errorf("headroom %v: over is %v (%v)", headroom, p.Over, err)
		}
	}
}

// TestLoads compares the load of each CPU with what was worked out by hand.
func TestLoads(t *testing.T) {
	for name, row := range map[string]struct{ services, want string }{
		"free ones go around": { // c is on CPU 2 and 3 where b is not
			"{b: {resources: {cpu: {quota: 1.6, cpuset: 0-1}}}, c: {resources: {cpu: {quota: 1}}}}",
			"0-1 0.80 b c, 2-3 0.50 c"},
		"even": {
			"{a: {resources: {cpu: {quota: 1, cpuset: 0-1}}}, b: {resources: {cpu: {quota: 1, cpuset: 1-2}}}, c: {resources: {cpu: {quota: 1, cpuset: 2-3}}}}",
			"0 0.75 a, 1 0.75 a b, 2 0.75 b c, 3 0.75 c"},
		"no quota":  {"{a: {resources: {cpu: {cpuset: 0}}}, b: {}}", "0 1.00 a (b), 1-3 0.00 (b)"},
		"no cpuset": {"{a: {resources: {cpu: {quota: 9}}}}", ""},
	} {
		p, err := Make(Input{Config: parse(t, "services: "+row.services), Host: hostOf(t, "cpus=4")})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range p.CPUs {
			text := fmt.Sprintf("%s %.2f %s", l.CPUs, l.Load, strings.Join(l.Services, " "))
			if len(l.Unlimited) > 0 {
				text = strings.TrimSpace(text) + " (" + strings.Join(l.Unlimited, " ") + ")"
			}
			got = append(got, text)
		}
		if want := row.want; strings.Join(got, ", ") != want {
			t.Errorf("%s: got %s, want %s", name, strings.Join(got, ", "), want)
		}
	}
}

// TestPortions: shares count among those that may run on the same CPUs.
func TestPortions(t *testing.T) {
	p, err := Make(Input{Config: parse(t, `services:
  a: {resources: {cpu: {shares: 3072, cpuset: 0-1}}}
  b: {resources: {cpu: {cpuset: 1}}}
  c: {resources: {cpu: {cpuset: 2}}}
`), Host: hostOf(t, "cpus=4")})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.75, 0.25, 1} {
		if got := p.Services[i].Portion; math.Abs(got-want) > 0.001 {
			t.Errorf("%s has %v of its CPUs, want %v", p.Services[i].Name, got, want)
		}
	}
}

// TestAddresses: a subnet of eight has five for services.
func TestAddresses(t *testing.T) {
	text := "resource_isolation: {network: {subnet: 10.9.0.0/29}}\nservices: {"
	for i := range 6 {
		p, err := Make(Input{Config: parse(t, text+"}"), Headroom: 0.2})
		if err != nil || p.Over {
			t.Errorf("%d services: over (%v)", i, err)
		}
		text += fmt.Sprintf("a%d: {},", i)
	}
	if p, err := Make(Input{Config: parse(t, text+"}")}); err != nil || !p.Over {
		t.Errorf("6 services fit into a /29 (%v)", err)
	}
}

func TestPorts(t *testing.T) {
	listening := []Endpoint{
		{netip.MustParseAddr("127.0.0.1"), 80, "tcp"},
		{netip.MustParseAddr("::"), 53, "udp"},
	}
	for port, taken := range map[string]bool{
		"80": true, "127.0.0.1:80:80": true, "10.0.0.1:80:80": false, "80/udp": false, "81:80": false, "10.0.0.1:53:5353/udp": true,
	} {
		p, err := Make(Input{Config: parse(t, `services: {a: {network: {ports: ["`+port+`"]}}}`), Host: Host{Listening: listening}})
		if err != nil || p.Over != taken {
			t.Errorf("%s: taken is %v (%v)", port, p.Over, err)
		}
	}
}

// TestDisks: limits add up on the disk that services share.
func TestDisks(t *testing.T) {
	c := parse(t, "services: {a: {resources: {io: {read_bps: 60M}}}, b: {resources: {io: {read_bps: 10M}}}, c: {}, d: {resources: {io: {read_bps: 0}}}}")
	on := map[string][]string{"a": {"vda", "vdb"}, "b": {"vda"}, "c": {"vdb"}, "d": {"vdb"}}
	p, err := Make(Input{Config: c, Disks: func(service string) []string { return on[service] }})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range p.Resources {
		got[r.Name] = fmt.Sprint(Amount(r.Asked, r.Unit), r.Shares, r.Unlimited, r.State)
	}
	for name, want := range map[string]string{
		"io.vda.read_bps": "70M/s[{a 6.291456e+07} {b 1.048576e+07}] []unknown",
		"io.vdb.read_bps": "60M/s[{a 6.291456e+07}] [c d]unknown",
	} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
}

func TestParseHostFaults(t *testing.T) {
	for in, want := range map[string]string{
		"":                    `"" is not KEY=VALUE`,
		"cpus":                `"cpus" is not KEY=VALUE`,
		"cpus=0":              `cpus: cannot read "0" as a number of CPUs: it is from 1 to 8192, or a range like 0-7`,
		"cpus=x-y":            `cpus: cannot read "x-y" as a list of CPUs: "x-y" is neither a CPU nor a range like 0-3`,
		"memory=1X":           `memory: cannot read "1X" as a size`,
		"memry=1G":            `unknown key "memry", did you mean memory?`,
		"banana=1":            `unknown key "banana", use cpus, memory`,
		"cpus=1,cpus=2":       `cpus is there twice`,
		"pids=-1":             `pids: cannot read "-1" as a whole number`,
		"vda.read_bps=1furz":  `vda.read_bps: cannot read "1furz" as a rate`,
		"vda.memory=1G":       `unknown key "vda.memory"`,
		"read_iops=1.5":       `read_iops: cannot read "1.5" as a whole number`,
		"cpus=9999999":        `cpus: cannot read "9999999"`,
		"this,memory=1G,swap": `"swap" is not KEY=VALUE`,
	} {
		_, err := ParseHost(in, func() (Host, error) { return Host{Name: "this host"}, nil })
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

// TestThis keeps what is not named.
func TestThis(t *testing.T) {
	five := uint64(5)
	h, err := ParseHost("this,swap=1K,read_bps=8kbit", func() (Host, error) { return Host{Name: "this host", Pids: &five}, nil })
	if err != nil || *h.Pids != 5 || *h.Swap != 1024 || *h.disk("any").ReadBPS != 1000 || h.Name != "this host with this,swap=1K,read_bps=8kbit" {
		t.Errorf("%+v %v", h, err)
	}
}

// fakeHost is a spec.Host of which ThisHost asks only this.
type fakeHost struct {
	spec.Host
	version int
}

func (h fakeHost) CPUs() ([]int, error)     { return []int{0, 1}, nil }
func (h fakeHost) CgroupVersion(string) int { return h.version }

func TestThisHost(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"proc/meminfo":                                    "MemTotal:        1000 kB\nSwapTotal:          10 kB\n",
		"proc/sys/fs/file-max":                            "9223372036854775807\n",
		"proc/sys/fs/nr_open":                             "1048576\n",
		"proc/sys/kernel/pid_max":                         "4194304\n",
		"proc/sys/kernel/threads-max":                     "7000\n",
		"proc/net/route":                                  "Iface\tDestination\tGateway\neth0\t00000000\t010200C0\n",
		"sys/class/net/eth0/speed":                        "1000\n",
		"sys/fs/cgroup/box/memory.max":                    "512000\n",
		"sys/fs/cgroup/box/pids.max":                      "max\n",
		"sys/fs/cgroup/box/blackhole/pids.max":            "100\n",
		"proc/self/cgroup":                                "4:memory:/mine\n0::/\n",
		"sys/fs/cgroup/memory/mine/memory.limit_in_bytes": "9000\n",
		"proc/net/tcp":                                    "  sl  local_address rem_address   st\n   0: 0100007F:0050 00000000:0000 0A 0\n   1: 0100007F:0051 0100007F:0052 01 0\n",
		"proc/net/udp6":                                   "  sl  local_address rem_address   st\n   0: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 0\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h, err := readHost(root, fakeHost{version: 2}, "/sys/fs/cgroup/box")
	if err != nil {
		t.Fatal(err)
	}
	if *h.Memory != 512000 || *h.Swap != 10<<10 || *h.Pids != 100 || *h.FilesEach != 1048576 || *h.Network != 125_000_000 {
		t.Errorf("got %+v", h)
	}
	if want := []string{"pids is that of cgroup /sys/fs/cgroup/box/blackhole", "memory is that of cgroup /sys/fs/cgroup/box"}; !slices.Equal(h.Notes, want) {
		t.Errorf("notes %q", h.Notes)
	}
	if want := []Endpoint{{netip.MustParseAddr("127.0.0.1"), 80, "tcp"}, {netip.MustParseAddr("::"), 53, "udp"}}; !slices.Equal(h.Listening, want) {
		t.Errorf("listening %v", h.Listening)
	}
	if h, err = readHost(root, fakeHost{version: 1}, "/sys/fs/cgroup"); err != nil || *h.Memory != 9000 || *h.Pids != 7000 {
		t.Errorf("v1: %+v %v", h, err)
	}
}
