package spec

import (
	"reflect"
	"strings"
	"testing"
)

// yamlOf is a service's effective configuration, to compare at a glance.
func yamlOf(t *testing.T, c *Config, service string) string {
	t.Helper()
	out, err := c.Render(service, FormatYAML)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestBuiltinDefaults: what a service gets that says nothing, under a file that
// says nothing.
func TestBuiltinDefaults(t *testing.T) {
	const want = `services:
  a:
    working_dir: /
    rootfs: host
    resources:
      network:
        mode: isolated
    security:
      user: ''
      group: ''
      no_new_privs: true
      capabilities:
      - CAP_NET_BIND_SERVICE
      seccomp_profile: default
    network:
      mode: isolated
    priority: normal
    restart:
      policy: on-failure
      max_retries: 5
      backoff: 100ms
      max_backoff: 30s
    stop:
      signal: SIGTERM
      timeout: 10s
    logs:
      max_size: 10M
      max_files: 3
`
	c := parse(t, "services: {a: {}}")
	if got := yamlOf(t, c, "a"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	whole := yamlOf(t, c, "")
	const isolation = `resource_isolation:
  cgroup:
    version: auto
    root_path: /sys/fs/cgroup
    controllers:
    - cpu
    - memory
    - io
    - pids
  security:
    user: ''
    group: ''
    no_new_privs: true
    capabilities:
    - CAP_NET_BIND_SERVICE
    seccomp_profile: default
  network:
    bridge: blackhole0
    subnet: 10.88.0.0/16
    masquerade: true
  monitor:
    interval: 5s
    alert_at: 0.8
    memory_critical: 0.95
    throttled_for: 30s
    fds_at: 0.9
    history: 168h
`
	if !strings.HasPrefix(whole, isolation) {
		t.Errorf("got\n%s\nwant\n%s", whole, isolation)
	}
}

// TestPrecedence: a service's own key, its own priority, the file's defaults,
// the built-in ones.
func TestPrecedence(t *testing.T) {
	c := parse(t, `
resource_isolation:
  defaults:
    cpu: {quota: 1, shares: 1000, burst: 1ms}
    memory: {limit: 1G, soft: 512M}
    io: {weight: 200, read_bps: 1M}
    rlimits: {core: 0, stack: 8M}
    network: {mode: none, bandwidth: {egress_rate: 1M}}
  security: {user: u, capabilities: [CAP_CHOWN], no_new_privs: false}
services:
  plain: {}
  own:
    resources:
      cpu: {shares: 7, period: 10ms}
      memory: {soft: 1M}
      rlimits: {core: unlimited}
      network: {mode: isolated}
    security: {capabilities: [], group: g}
    restart: {max_retries: 0}
    health_check: {tcp: 1, retries: 9}
    filesystem: {tmpfs: [{path: /tmp}, {path: /run, size: 1M}]}
    priority: critical
  critical: {priority: critical}
  batch: {priority: batch, resources: {io: {weight: 300}}, oom_score_adj: 7}
  normal: {priority: normal, network: {mode: host}, resources: {network: {mode: isolated}}}
`)
	service := func(name string) *Service {
		s, err := c.Service(name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	equal := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	plain, own, critical, batch, normal := service("plain"), service("own"), service("critical"), service("batch"), service("normal")

	equal("plain's shares", *plain.Resources.CPU.Shares, uint64(1000))
	equal("plain's weight", *plain.Resources.IO.Weight, uint16(200))
	equal("plain's mode", *plain.Network.Mode, NetworkNone)
	equal("plain's bandwidth, which a service without a link cannot have", plain.Resources.Network.Bandwidth, Bandwidth{})
	equal("plain's user", *plain.Security.User, "u")
	equal("plain's no_new_privs", *plain.Security.NoNewPrivs, false)
	if plain.HealthCheck != nil || plain.OOMScoreAdj != nil || plain.Resources.Pids.Limit != nil || plain.Resources.Memory.Swap != nil {
		t.Error("plain has what nobody set")
	}

	equal("own's shares", *own.Resources.CPU.Shares, uint64(7))
	equal("own's weight", *own.Resources.IO.Weight, uint16(400))
	equal("own's quota", *own.Resources.CPU.Quota, Cores(1))
	equal("own's period", own.Resources.CPU.Period.String(), "10ms")
	equal("own's soft", *own.Resources.Memory.Soft, Size(1<<20))
	equal("own's limit", *own.Resources.Memory.Limit, Size(1<<30))
	equal("own's rlimits", own.Resources.Rlimits, map[string]Rlimit{"core": {Infinity, Infinity}, "stack": {8 << 20, 8 << 20}})
	equal("own's mode", *own.Network.Mode, NetworkIsolated)
	equal("own's egress rate", *own.Resources.Network.Bandwidth.EgressRate, Rate(1<<20))
	equal("own's capabilities", own.Security.Capabilities, []string{})
	equal("own's group", *own.Security.Group, "g")
	equal("own's retries", *own.Restart.MaxRetries, uint(0))
	equal("own's backoff", own.Restart.Backoff.String(), "100ms")
	equal("own's health retries", *own.HealthCheck.Retries, uint(9))
	equal("own's health interval", own.HealthCheck.Interval.String(), "10s")
	equal("own's first tmpfs", *own.Filesystem.Tmpfs[0].Size, Size(64<<20))
	equal("own's second tmpfs", *own.Filesystem.Tmpfs[1].Size, Size(1<<20))

	equal("critical's shares, before the file's defaults", *critical.Resources.CPU.Shares, uint64(4096))
	equal("critical's weight", *critical.Resources.IO.Weight, uint16(400))
	if critical.OOMScoreAdj != nil {
		t.Error("critical's oom_score_adj counts as set by hand")
	}
	equal("batch's shares", *batch.Resources.CPU.Shares, uint64(256))
	equal("batch's weight", *batch.Resources.IO.Weight, uint16(300))
	equal("batch's oom_score_adj", *batch.OOMScoreAdj, 7)
	equal("normal's shares", *normal.Resources.CPU.Shares, uint64(1000))
	equal("normal's mode", *normal.Network.Mode, NetworkHost)
	equal("normal's mode as a resource", *normal.Resources.Network.Mode, NetworkHost)

	// Merging must not write into what it merges.
	if s := c.Services["own"]; s.Security.NoNewPrivs != nil || len(s.Resources.Rlimits) != 1 || s.Filesystem.Tmpfs[0].Size != nil || s.HealthCheck.Interval != nil {
		t.Error("the written service was changed")
	}
	if len(c.Isolation.Defaults.Rlimits) != 2 || c.Isolation.Cgroup.Version != nil || c.Isolation.Defaults.Rlimits["core"].Soft != 0 {
		t.Error("the written defaults were changed")
	}
}

// TestPriorityWithoutController: a weight that no controller holds is not set
// by a priority.
func TestPriorityWithoutController(t *testing.T) {
	c := parse(t, "resource_isolation: {cgroup: {controllers: [memory]}}\nservices: {a: {priority: batch}}")
	if faults := c.Check(); len(faults) > 0 {
		t.Error(faults)
	}
	s, err := c.Service("a")
	if err != nil || s.Resources.CPU.Shares != nil || s.Resources.IO.Weight != nil {
		t.Errorf("got %v %v", s.Resources, err)
	}
}

func TestNoService(t *testing.T) {
	for _, row := range []struct{ in, name, out string }{
		{"services: {storage: {}}", "stroage", `cannot find service "stroage", did you mean "storage"?`},
		{"services: {storage: {}}", "x", `cannot find service "x"`},
		{"", "x", `cannot find service "x": the configuration has no services`},
	} {
		if _, err := parse(t, row.in).Service(row.name); err == nil || err.Error() != row.out {
			t.Errorf("got %v, want %s", err, row.out)
		}
	}
}
