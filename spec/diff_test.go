package spec

import (
	"fmt"
	"testing"
)

func TestDiff(t *testing.T) {
	const base = `
resource_isolation: {defaults: {memory: {limit: 100M}, pids: {limit: 10}}}
services: {a: {args: [x], environment: {A: "1", B: "2"}, resources: {rlimits: {core: 0}}}}
`
	for _, row := range []struct{ text, want string }{
		{base, "[]"},
		{ // otherwise written, and the same
			`services: {a: {args: ["x"], environment: [B=2, A=1], resources: {memory: {limit: 0.1kib}, rlimits: {core: 0}}}}`,
			"[{resources.memory.limit 100M 102} {resources.pids.limit 10 }]",
		},
		{
			`services: {a: {args: [x], environment: {A: "1", B: "2"}, resources: {memory: {limit: 104857600}, pids: {limit: 10}, rlimits: {core: 0}}}}`,
			"[]",
		},
		{
			`services: {a: {args: [x, y], environment: {B: "", C: "3"}, health_check: {tcp: 80}}}`,
			`[{args ["x"] ["x","y"]} {environment.A 1 } {environment.B 2 ""} {resources.memory.limit 100M } {resources.pids.limit 10 } ` +
				`{resources.rlimits.core 0 } {environment.C  3} {health_check.tcp  80} {health_check.interval  10s} {health_check.timeout  2s} {health_check.retries  3}]`,
		},
	} {
		got := fmt.Sprint(Diff(parse(t, base), parse(t, row.text), "a"))
		if got != row.want {
			t.Errorf("%s\ngot  %s\nwant %s", row.text, got, row.want)
		}
	}
	a := parse(t, "services: {a: {}}")
	b := parse(t, "resource_isolation: {defaults: {memory: {limit: 1M}}, monitor: {interval: 1s}, network: {bridge: b0}}\nservices: {a: {}}")
	if got := fmt.Sprint(DiffIsolation(a, b)); got != "[{resource_isolation.network.bridge blackhole0 b0} {resource_isolation.monitor.interval 5s 1s}]" {
		t.Errorf("got %s", got)
	}
}

// TestApplied: each service as in its own configuration, none with another's defaults.
func TestApplied(t *testing.T) {
	old := parse(t, "resource_isolation: {defaults: {pids: {limit: 7}}}\nservices: {a: {}, b: {}}")
	latest := parse(t, "resource_isolation: {defaults: {memory: {limit: 1M}}}\nservices: {a: {}, b: {}}")
	c := parse(t, yamlOf(t, latest.Applied(map[string]*Config{"a": old}), ""))
	for name, from := range map[string]*Config{"a": old, "b": latest} {
		if diff := Diff(from, c, name); len(diff) > 0 {
			t.Errorf("%s: %v", name, diff)
		}
	}
	if len(Diff(c, latest, "a")) == 0 {
		t.Error("a is as in the latest")
	}
}

func TestConflict(t *testing.T) {
	a := parse(t, `services: {x: {network: {ports: ["80:80", "[::1]:81:1"], interfaces: [eth7]}}, y: {}, none: {network: {mode: none}}}`)
	for _, row := range []struct{ b, service, want string }{
		{`services: {z: {network: {ports: ["80:1"]}}}`, "x", "port 80:80"},
		{`services: {z: {network: {ports: ["80:1/udp", "127.0.0.1:81:1"]}}}`, "x", ""},
		{`services: {z: {network: {interfaces: [eth7]}}}`, "x", "interface eth7"},
		{`services: {z: {}}`, "y", ""},
		{"resource_isolation: {network: {subnet: 10.88.0.0/24}}\nservices: {z: {}}", "y", "bridge blackhole0"},
		{"resource_isolation: {network: {subnet: 10.88.0.0/24}}\nservices: {z: {}}", "none", ""},
		{"resource_isolation: {network: {bridge: b0}}\nservices: {z: {}}", "y", "subnet 10.88.0.0/16"},
		{"resource_isolation: {network: {bridge: b0, subnet: 10.87.0.0/16}}\nservices: {z: {}}", "y", ""},
	} {
		if got := Conflict(a, row.service, parse(t, row.b), "z"); got != row.want {
			t.Errorf("%s beside %s: got %q, want %q", row.b, row.service, got, row.want)
		}
	}
}

func TestLive(t *testing.T) {
	for key, want := range map[string]bool{
		"resources.memory.limit": true, "resources.cpu.cpuset": true, "resources.io.priority": false, "resources.io.read_bps": true,
		"resources.fds.soft": false, "stop.timeout": true, "stopping": false, "executable": false, "depends_on": true,
		"resources.network.bandwidth.egress_rate": true, "resource_isolation.network.subnet": false, "environment.restart": false,
	} {
		if Live(key) != want {
			t.Errorf("%s: got %v", key, !want)
		}
	}
}
