package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("blackhole.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("blackhole.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is a YAML text as a JSON Schema sees it.
func instance(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Load(text, &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSchemaTakesWhatIsRight: the seed, the examples, the full file, and what
// Render makes of them.
func TestSchemaTakesWhatIsRight(t *testing.T) {
	s := compiledSchema(t)
	for _, file := range fullFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		rendered, err := load(t, file).Render("", FormatJSON)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, rendered)); err != nil {
			t.Errorf("%s rendered: %v", file, err)
		}
	}
	for _, text := range []string{
		"{}",
		"services:\nresource_isolation:\nx-a: 1",
		"services: {a: {args: [1, true, x], environment: {A: 1, B: true}, executable: ~}}",
		"services: {a: {resources: {memory: {limit: 1.5G, soft: 4096}, cpu: {period: 50000, cpuset: 3}}, stop: {signal: 15, timeout: 0}}}",
		"services: {a: {resources: {memory: {limit: unlimited, soft: max, swap: unlimited}, cpu: {quota: max}, pids: {limit: unlimited}}}}",
		"services: {a: {security: {seccomp_profile: ./p.json}}}",
		"services: {a: {network: {ports: [80, '[::1]:1:2/udp']}, restart: {policy: no}, rlimits: ~}}",
	} {
		v := instance(t, []byte(text))
		err := s.Validate(v)
		if strings.Contains(text, "rlimits") != (err != nil) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestSchemaRefusesWhatIsWrong: each fault of Parse that a schema can state.
func TestSchemaRefusesWhatIsWrong(t *testing.T) {
	s := compiledSchema(t)
	for _, text := range []string{
		"sevices: {}",
		"services: []",
		"services: {a b: {}}",
		"services: {..: {}}",
		"services: {a: {user: root}}",
		"services: {a: {x-note: 1}}",
		"services: {a: {args: x}}",
		"services: {a: {args: [[x]]}}",
		"services: {a: {executable: nginx}}",
		"services: {a: {executable: /a/../b}}",
		"services: {a: {rootfs: other}}",
		"services: {a: {resources: {memory: {limit: 12Q}}}}",
		"services: {a: {resources: {memory: {limit: -1}}}}",
		"services: {a: {resources: {memory: {limit: 0}}}}",
		"services: {a: {resources: {memory: {low: unlimited}}}}",
		"services: {a: {resources: {pids: {limit: many}}}}",
		"services: {a: {health_check: {http: 'https://x/'}}}",
		"services: {a: {resources: {memory: {limit: 10mbit}}}}",
		"services: {a: {resources: {memory: {oom_group: 'yes'}}}}",
		"services: {a: {resources: {cpu: {shares: 1}}}}",
		"services: {a: {resources: {cpu: {shares: 262145}}}}",
		"services: {a: {resources: {cpu: {quota: -1}}}}",
		"services: {a: {resources: {cpu: {cpuset: a}}}}",
		"services: {a: {resources: {cpu: {period: soon}}}}",
		"services: {a: {resources: {io: {weight: 9}}}}",
		"services: {a: {resources: {io: {priority: best-effort:8}}}}",
		"services: {a: {resources: {pids: {limit: 0}}}}",
		"services: {a: {resources: {rlimits: {cores: 0}}}}",
		"services: {a: {resources: {rlimits: {core: {soft: 1}}}}}",
		"services: {a: {resources: {network: {mode: bridged}}}}",
		"services: {a: {network: {ports: [65536]}}}",
		"services: {a: {network: {ports: ['80:80/sctp']}}}",
		"services: {a: {network: {interfaces: [averyveryverylongname]}}}",
		"services: {a: {security: {capabilities: [NET_ADMIN]}}}",
		"services: {a: {security: {seccomp_profile: strickt}}}",
		"services: {a: {priority: high}}",
		"services: {a: {oom_score_adj: 1001}}",
		"services: {a: {restart: {policy: sometimes}}}",
		"services: {a: {stop: {signal: 65}}}",
		"services: {a: {stop: {timeout: 10}}}",
		"services: {a: {health_check: {tcp: 65536}}}",
		"services: {a: {health_check: {http: localhost}}}",
		"services: {a: {environment: [A]}}",
		"services: {a: {filesystem: {tmpfs: [/tmp]}}}",
		"resource_isolation: {cgroup: {version: 1}}",
		"resource_isolation: {cgroup: {controllers: [blkio]}}",
		"resource_isolation: {monitor: {alert_at: 1.1}}",
		"resource_isolation: {monitor: {alert_at: 0}}",
		"resource_isolation: {network: {subnet: 10.0.0.0}}",
	} {
		if err := s.Validate(instance(t, []byte(text))); err == nil {
			t.Errorf("the schema takes %s", text)
		}
		if _, err := Parse(Source{"f", []byte(text)}); err == nil {
			t.Errorf("the parser takes %s", text)
		}
	}
}

// TestSchemaSaysWhatEachKeyIs: editors show it.
func TestSchemaSaysWhatEachKeyIs(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var root struct {
		Defs map[string]struct {
			Properties map[string]struct{ Description string } `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	if len(root.Defs) < 20 {
		t.Errorf("the schema has %d definitions", len(root.Defs))
	}
	for name, def := range root.Defs {
		for key, property := range def.Properties {
			if property.Description == "" {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
	}
}
