package spec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"blackhole/internal/bytesize"
)

func parse(t *testing.T, texts ...string) *Config {
	t.Helper()
	var sources []Source
	for i, text := range texts {
		sources = append(sources, Source{fmt.Sprintf("f%d", i+1), []byte(text)})
	}
	c, err := Parse(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSeed: the seed's two blocks load as they are, as two files and as one.
func TestSeed(t *testing.T) {
	const isolation, services = "testdata/seed/isolation.yaml", "testdata/seed/services.yaml"
	two := load(t, isolation, services)
	var joined []byte
	for _, path := range []string{isolation, services} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, data...)
	}
	one := parse(t, string(joined))
	for _, c := range []*Config{two, one} {
		if faults := c.Check(); len(faults) > 0 {
			t.Error(faults)
		}
		s, err := c.Service("storage")
		if err != nil {
			t.Fatal(err)
		}
		m, cpu, io := s.Resources.Memory, s.Resources.CPU, s.Resources.IO
		if *m.Limit != 4<<30 || *m.Soft != 3<<30 || *m.Swap != 512<<20 || m.Low != nil || m.OOMGroup != nil {
			t.Errorf("storage's memory is %v", m)
		}
		if *cpu.Quota != 2 || *cpu.Period != Period(100*time.Millisecond) || *cpu.Shares != 1024 || *cpu.CPUSet != "2-5" || cpu.Burst != nil {
			t.Errorf("storage's CPU is %v", cpu)
		}
		if *io.ReadBPS != 500<<20 || *io.WriteBPS != 200<<20 || io.ReadIOPS != nil || io.Weight != nil || io.Device != nil {
			t.Errorf("storage's I/O is %v", io)
		}
		identity, err := c.Service("identity")
		if err != nil {
			t.Fatal(err)
		}
		if got := identity.Security; *got.User != "blackhole" || *got.Group != "blackhole" || !*got.NoNewPrivs || len(got.Capabilities) != 2 || *got.SeccompProfile != "default" {
			t.Errorf("identity's security is %v", got)
		}
		if *identity.Resources.IO.WriteBPS != 50<<20 {
			t.Errorf("identity's write_bps is %v, want the default's 50M", *identity.Resources.IO.WriteBPS)
		}
	}
	if !reflect.DeepEqual(two.Effective().Services, one.Effective().Services) {
		t.Error("one file and two files differ")
	}
}

// TestFilesMerge: mappings key by key, everything else as a whole.
func TestFilesMerge(t *testing.T) {
	c := parse(t, `
services:
  a:
    executable: /bin/one
    args: [x, y]
    environment: {A: "1", B: "2"}
    resources: {memory: {limit: 1G, soft: 512M}, rlimits: {core: 0, stack: 1}}
  b: {executable: /bin/b}
`, `
services:
  a:
    executable: /bin/two
    args: [z]
    environment: {B: "3"}
    resources: {memory: {limit: 2G, soft: ~}, rlimits: {core: {soft: 1, hard: 2}}}
  c: {}
  b:
`)
	a := c.Services["a"]
	if *a.Executable != "/bin/two" || !reflect.DeepEqual(a.Args, []string{"z"}) {
		t.Errorf("got %s %v", *a.Executable, a.Args)
	}
	if !reflect.DeepEqual(a.Environment, Environment{"A": "1", "B": "3"}) {
		t.Errorf("got environment %v", a.Environment)
	}
	if *a.Resources.Memory.Limit != 2<<30 || a.Resources.Memory.Soft != nil {
		t.Errorf("got memory %v; an empty value takes the earlier one back", a.Resources.Memory)
	}
	if !reflect.DeepEqual(a.Resources.Rlimits, map[string]Rlimit{"core": {1, 2}, "stack": {1, 1}}) {
		t.Errorf("got rlimits %v", a.Resources.Rlimits)
	}
	if *c.Services["b"].Executable != "/bin/b" {
		t.Error("a mapping whose lines are all comments took the earlier file's back")
	}
	if c.Services["c"] == nil {
		t.Error("a service without a word is not there")
	}
	for path, want := range map[string]Place{
		"services.a.resources.memory.limit": {"f2", 7, 33},
		"services.a.args":                   {"f2", 5, 5},
		"services.a.args[0]":                {"f2", 5, 12},
		"services.a.environment":            {"f1", 6, 5},
		"services.b":                        {"f1", 8, 3},
		"services.b.executable":             {"f1", 8, 19},
		"services.c":                        {"f2", 8, 3},
	} {
		if got := c.places[path]; got != want {
			t.Errorf("%s stands at %v, want %v", path, got, want)
		}
	}
}

// TestFaultUnderLaterFile: a fault shows though a later file replaces the value,
// and once though the value is looked at again.
func TestFaultUnderLaterFile(t *testing.T) {
	c, err := Parse(
		Source{"f1", []byte("services: {a: {resources: {memory: {limit: 12Q}}, priority: high}}")},
		Source{"f2", []byte("services: {a: {resources: {memory: {limit: 1G}, rlimits: {core: {soft: 1}}}}}")},
		Source{"f3", []byte("services: {a: {resources: {rlimits: {core: {hard: 1}}}}}")},
	)
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 2 || faults[0].Line != 1 || faults[0].File != "f1" || faults[1].Path != "services.a.priority" {
		t.Errorf("got %v", err)
	}
	if c == nil || c.Services["a"].Priority != nil || *c.Services["a"].Resources.Memory.Limit != 1<<30 {
		t.Errorf("the configuration came without its good values: %v", c)
	}
	if got := c.Services["a"].Resources.Rlimits["core"]; got != (Rlimit{1, 1}) {
		t.Errorf("a limit in two files is %v", got)
	}
}

// TestFaultsInOrder: of several files by file, then by place, each once.
func TestFaultsInOrder(t *testing.T) {
	_, err := Parse(
		Source{"z", []byte("services:\n  a: {x: 1}\n  b: {y: 1}\n")},
		Source{"a", []byte("services: {c: {z: 1}}\nnope: 1")},
	)
	var places []string
	var faults Faults
	errors.As(err, &faults)
	for _, f := range faults {
		places = append(places, fmt.Sprintf("%s:%d:%d %s", f.File, f.Line, f.Column, f.Path))
	}
	want := []string{"z:2:7 services.a.x", "z:3:7 services.b.y", "a:1:16 services.c.z", "a:2:1 nope"}
	if !reflect.DeepEqual(places, want) {
		t.Errorf("got  %v\nwant %v", places, want)
	}
}

// TestAliases: anchors, aliases, merge keys and x-… keys.
func TestAliases(t *testing.T) {
	c := parse(t, `
x-small: &small {limit: 64M, soft: 32M}
x-other: {anything: [goes, {here: 1}]}
services:
  a:
    resources: {memory: *small, cpu: &cpu {shares: 512}}
  b:
    resources:
      memory: {<<: *small, limit: 128M}
      cpu: *cpu
  c:
    resources:
      memory: {<<: [{limit: 1G}, *small]}
`)
	memory := func(name string) Memory { return c.Services[name].Resources.Memory }
	if m := memory("a"); *m.Limit != 64<<20 || *m.Soft != 32<<20 {
		t.Errorf("a has %v", m)
	}
	if m := memory("b"); *m.Limit != 128<<20 || *m.Soft != 32<<20 {
		t.Errorf("b has %v: its own key goes before the merged one", m)
	}
	if m := memory("c"); *m.Limit != 1<<30 || *m.Soft != 32<<20 {
		t.Errorf("c has %v: the first of several mappings wins", m)
	}
	if *c.Services["b"].Resources.CPU.Shares != 512 {
		t.Error("b has no shares")
	}
	if got := c.places["services.b.resources.memory.soft"]; got != (Place{"f1", 2, 36}) {
		t.Errorf("a merged value stands at %v, want it where it was written", got)
	}
}

// TestAliasFaultOnce: what is wrong in an anchor is one fault, not one for each use.
func TestAliasFaultOnce(t *testing.T) {
	_, err := Parse(Source{"f", []byte("x-m: &m {limit: 1Q}\nservices: {a: {resources: {memory: *m}}, b: {resources: {memory: *m}}}")})
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Line != 1 {
		t.Errorf("got %v", err)
	}
}

// TestAliasBombs: a small file of nested aliases is refused before it stands
// for gigabytes, and soon.
func TestAliasBombs(t *testing.T) {
	var lists, services, merges strings.Builder
	lists.WriteString("x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	merges.WriteString("x-0: &a0 {a: {}, b: {}, c: {}}\n")
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&lists, "x-%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), i-1)
		fmt.Fprintf(&merges, "x-%d: &a%d {<<: [%s*a%d]}\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), i-1)
	}
	lists.WriteString("services: {a: {args: *a19}}")
	merges.WriteString("services: *a19")
	services.WriteString("x-0: &a {args: [" + strings.Repeat("x, ", 5000) + "x]}\nservices:\n")
	for i := range 5000 {
		fmt.Fprintf(&services, "  s%d: *a\n", i)
	}
	for name, text := range map[string]string{"lists": lists.String(), "services": services.String(), "merges": merges.String()} {
		start := time.Now()
		_, err := Parse(Source{name, []byte(text)})
		if err == nil || !strings.Contains(err.Error(), "aliases that stand for more than 200000 values") {
			t.Errorf("%s: got %.200v", name, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// TestDeepNesting must not take the stack along.
func TestDeepNesting(t *testing.T) {
	for _, text := range []string{strings.Repeat("[", 100_000), strings.Repeat("{a: ", 100_000), strings.Repeat("- ", 50_000) + "x"} {
		if _, err := Parse(Source{"f", []byte(text)}); err == nil {
			t.Errorf("%.20s… was taken", text)
		}
	}
}

func TestSeveralFaults(t *testing.T) {
	_, err := Parse(Source{"f", []byte(`services:
  a:
    resources: {memroy: 1, memory: {limit: 12Q}}
    args: [~, [x]]
  a: {}
`)})
	want := `f:3:17: services.a.resources.memroy: unknown key "memroy", did you mean "memory"?
f:3:44: services.a.resources.memory.limit: cannot read "12Q" as a size: unknown unit "Q", ` + bytesize.Forms + `
f:4:12: services.a.args[0]: the item is empty; write "" for an empty text
f:4:15: services.a.args[1]: cannot use a list here: expected a single value
f:5:3: duplicate key "a", first written in line 2`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "~", "{}", "services:\n", "services: {}\nx-a: 1"} {
		if c := parse(t, text); len(c.Services) != 0 {
			t.Errorf("%q has services %v", text, c.names())
		}
	}
}

func TestLoadFaults(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := write("bad.yaml", []byte("nope: 1"))
	for _, row := range []struct {
		paths []string
		out   string
	}{
		{[]string{filepath.Join(dir, "none.yaml")}, dir + "/none.yaml: cannot read the configuration: no such file or directory"},
		{[]string{dir}, dir + ": cannot read the configuration: is a directory"},
		{[]string{write("big.yaml", make([]byte, maxFileSize+1))}, dir + "/big.yaml: cannot read the configuration: it is larger than 4 MiB"},
		{[]string{bad, filepath.Join(dir, "none.yaml")}, bad + `:1:1: nope: unknown key "nope", use resource_isolation or services` + "\n" +
			dir + "/none.yaml: cannot read the configuration: no such file or directory"},
	} {
		c, err := Load(row.paths)
		if err == nil || err.Error() != row.out || c != nil {
			t.Errorf("%v\ngot  %v\nwant %s", row.paths, err, row.out)
		}
	}
}
