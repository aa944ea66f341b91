package spec

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestUnlimited: a service lifts a default, and what is printed of it does so again.
func TestUnlimited(t *testing.T) {
	const text = `
resource_isolation:
  defaults: {cpu: {quota: 1, burst: 10ms}, memory: {limit: 100M, soft: 80M, swap: 0}, pids: {limit: 10}}
services:
  a: {resources: {cpu: {quota: unlimited}, memory: {limit: max, soft: unlimited, swap: unlimited}, pids: {limit: max}}}
  b: {resources: {memory: {soft: unlimited}}}
`
	c := parse(t, text)
	if faults := c.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, c := range []*Config{c, parse(t, yamlOf(t, c, ""))} {
		a, err := c.Service("a")
		if err != nil {
			t.Fatal(err)
		}
		r := a.Resources
		r.Network = ServiceBandwidth{}
		if !reflect.DeepEqual(r, Resources{}) {
			t.Errorf("something is limited still: %s", yamlOf(t, c, "a"))
		}
		b, err := c.Service("b")
		if err != nil {
			t.Fatal(err)
		}
		if m := b.Resources.Memory; m.Soft != nil || *m.Limit != 100<<20 {
			t.Errorf("got %v, want memory.limit alone", m)
		}
	}
	if *c.Isolation.Defaults.Memory.Limit != 100<<20 || c.Services["a"].Resources.Memory.Limit == nil {
		t.Error("the file's own values were changed")
	}
}

func TestUnlimitedFaults(t *testing.T) {
	testFaults(t, parseFaults, []faultRow{
		{`services: {a: {resources: {memory: {low: unlimited}}}}`, `1:42 services.a.resources.memory.low`, `cannot read "unlimited" as a size: it does not begin with a number`},
		{`services: {a: {resources: {pids: {limit: none}}}}`, `1:42 services.a.resources.pids.limit`, `cannot read "none" as a whole number`},
	})
	testFaults(t, checkFaults, []faultRow{
		// Its own burst, not the default's.
		{`services: {a: {resources: {cpu: {quota: unlimited, burst: 10ms}}}}`, `1:59 services.a.resources.cpu.burst`, `cannot save up 10ms: there is no cpu.quota to save from`},
	})
}

// TestProfileBesideTheFile: found from the file's folder on, and read without a host.
func TestProfileBesideTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "blackhole.yaml")
	if err := os.WriteFile(file, []byte("services: {a: {security: {seccomp_profile: ./p.json}}, b: {}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, file)
	if faults := c.Check(); len(faults) != 1 || !strings.Contains(faults[0].String(), "seccomp profile "+dir+"/p.json: no such file") {
		t.Errorf("got %v", faults)
	}
	if faults, _ := c.CheckHost(newCheckHost()); len(faults) > 0 {
		t.Errorf("told twice: %v", faults)
	}
	if err := os.WriteFile(filepath.Join(dir, "p.json"), []byte(`{"defaultAction": "SCMP_ACT_ALLOW"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if faults := c.Check(); len(faults) > 0 {
		t.Errorf("got %v", faults)
	}
	if again := parse(t, yamlOf(t, c, "")); *again.Services["a"].Security.SeccompProfile != dir+"/p.json" {
		t.Errorf("printed as %s", *again.Services["a"].Security.SeccompProfile)
	}
}
