package spec

import "testing"

func TestWritten(t *testing.T) {
	c, err := Parse(Source{"a.yaml", []byte(`resource_isolation:
  defaults: {memory: {limit: 1G}}
  security: {user: www}
services:
  a:
    resources:
      cpu: {quota: 2}
      memory:
        soft: 1M
  a.b: {}
`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		service, key, path, at string
		set                    bool
	}{
		{"a", "resources.cpu.quota", "services.a.resources.cpu.quota", "a.yaml:7:20", true},
		{"a", "resources.memory.limit", "resource_isolation.defaults.memory.limit", "a.yaml:2:30", true},
		{"a", "security.user", "resource_isolation.security.user", "a.yaml:3:20", true},
		{"a", "resources.memory.swap", "services.a.resources.memory.swap", "a.yaml:8:7", false},
		{"a", "resources.fds.soft", "services.a.resources.fds.soft", "a.yaml:6:5", false},
		{"a", "restart.policy", "services.a.restart.policy", "a.yaml:5:3", false},
		{"a.b", "restart.policy", `services."a.b".restart.policy`, "a.yaml:10:3", false},
		{"gone", "restart.policy", "services.gone.restart.policy", "", false},
	} {
		path, at, set := c.Written(row.service, row.key)
		if path != row.path || at.String() != row.at || set != row.set {
			t.Errorf("%s of %s: %s %s %v, want %s %s %v", row.key, row.service, path, at, set, row.path, row.at, row.set)
		}
	}
}
