package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// fullFiles are configurations that are right.
func fullFiles(t *testing.T) []string {
	t.Helper()
	examples, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("there are no examples (%v)", err)
	}
	return append(examples, "testdata/everything.yaml", "testdata/seed/isolation.yaml", "testdata/seed/services.yaml")
}

// TestRenderRoundTrip: what is printed is a configuration that means the same.
func TestRenderRoundTrip(t *testing.T) {
	for _, file := range fullFiles(t) {
		c := load(t, file)
		want := c.Effective()
		for _, format := range []Format{FormatYAML, FormatJSON} {
			out, err := c.Render("", format)
			if err != nil {
				t.Fatal(err)
			}
			again := parse(t, string(out))
			if got := again.Effective(); !reflect.DeepEqual(got, want) {
				t.Errorf("%s as %s means something else:\n%s", file, format, out)
			}
			if faults := again.Check(); len(faults) > 0 {
				t.Errorf("%s as %s: %v", file, format, faults)
			}
			if twice, err := again.Render("", format); err != nil || string(twice) != string(out) {
				t.Errorf("%s as %s is printed otherwise the second time (%v)", file, format, err)
			}
			if format == FormatJSON && !json.Valid(out) {
				t.Errorf("%s is not JSON:\n%s", file, out)
			}
			for name := range c.Services {
				one, err := c.Render(name, format)
				if err != nil {
					t.Fatal(err)
				}
				s, err := parse(t, string(one)).Service(name)
				if err != nil {
					t.Fatal(err)
				}
				if format == FormatYAML && !reflect.DeepEqual(s, want.Services[name]) {
					t.Errorf("%s: %s alone means something else:\n%s", file, name, one)
				}
			}
		}
	}
}

// TestRenderHardText: texts that YAML reads as something else.
func TestRenderHardText(t *testing.T) {
	words := []string{
		"", "~", "null", "yes", "no", "true", "123", "1e3", "0x10", "1:30", "- x", "a: b", "# c", "'", `"`, "a\nb", " x ", "\t", "\u0085", "\u2028",
		"ä€😀", "<<", "*a", "&a", "!x", "%", "@", "`", "{", "[", "|", ">", "\x7f", "\x01", "\ufeff", "\uffff", "=", "a\u0085b", "\r\n", "a: |",
	}
	c := &Config{Services: map[string]*Service{"a": {Args: words}, "1.5": {}, "no": {}}}
	for _, format := range []Format{FormatYAML, FormatJSON} {
		out, err := c.Render("", format)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(Source{"again", out})
		if err != nil {
			t.Errorf("%s: %v\n%s", format, err, out)
			continue
		}
		if got := again.Services["a"].Args; !reflect.DeepEqual(got, words) {
			t.Errorf("%s: got %q", format, got)
		}
		if again.Services["1.5"] == nil || again.Services["no"] == nil {
			t.Errorf("%s: services are missing in\n%s", format, out)
		}
	}
}

func TestRenderPriorityComment(t *testing.T) {
	if got := yamlOf(t, parse(t, "services: {a: {priority: critical}}"), "a"); !strings.Contains(got, "priority: critical # oom_score_adj -500\n") {
		t.Errorf("got\n%s", got)
	}
	if got := yamlOf(t, parse(t, "services: {a: {priority: critical, oom_score_adj: 3}}"), "a"); strings.Contains(got, "#") {
		t.Errorf("got\n%s", got)
	}
}

// TestEverythingIsEverything: the full example sets each key that cgroup v2 has.
func TestEverythingIsEverything(t *testing.T) {
	c := load(t, "testdata/everything.yaml")
	if faults := c.Check(); len(faults) > 0 {
		t.Error(faults)
	}
	written := map[string]bool{}
	for path := range c.places {
		written[path] = true
	}
	var walk func(paths []string, typ reflect.Type)
	walk = func(paths []string, typ reflect.Type) {
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if _, isUnit := reflect.Zero(typ).Interface().(schemer); isUnit {
			return
		}
		switch typ.Kind() {
		case reflect.Struct:
			for i := range typ.NumField() {
				key := typ.Field(i).Tag.Get("yaml")
				if key == "" || key == "kernel" || key == "oom_kill_disable" {
					continue
				}
				var below []string
				for _, path := range paths {
					if at := join(path, key); written[at] {
						below = append(below, at)
					}
				}
				if below == nil {
					t.Errorf("no %s is set", join(paths[0], key))
					continue
				}
				walk(below, typ.Field(i).Type)
			}
		case reflect.Slice:
			var below []string
			for _, path := range paths {
				for i := range 9 {
					if at := path + "[" + string(rune('0'+i)) + "]"; written[at] {
						below = append(below, at)
					}
				}
			}
			if below != nil {
				walk(below, typ.Elem())
			}
		case reflect.Map:
			var below []string
			for at := range written {
				for _, path := range paths {
					if rest, ok := strings.CutPrefix(at, path+"."); ok && !strings.ContainsAny(rest, ".[") {
						below = append(below, at)
					}
				}
			}
			walk(below, typ.Elem())
		}
	}
	walk([]string{""}, reflect.TypeFor[Config]())
}

// BenchmarkParse is on the way of each service command.
func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse(Source{"everything", data}); err != nil {
			b.Fatal(err)
		}
	}
}
