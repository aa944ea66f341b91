package spec

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const (
	referenceFile = "../docs/configuration.md"
	// What stands below this line in the reference is made from the types;
	// `go test ./spec -update` rewrites it.
	referenceMark = "<!-- From here on made from spec/config.go. -->\n"
)

func TestReferenceIsCurrent(t *testing.T) {
	have, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(have), referenceMark)
	if !ok {
		t.Fatalf("%s has no line %q", referenceFile, referenceMark)
	}
	want := head + referenceMark + referenceTables()
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(have) != want {
		t.Errorf("%s is not what the types say; run go test ./spec -update", referenceFile)
	}
}

func referenceTables() string {
	var b strings.Builder
	table := func(title, path string, v reflect.Value, nested bool) {
		fmt.Fprintf(&b, "\n## %s\n\n| key | default | |\n|---|---|---|\n", title)
		referenceRows(&b, path, v, nested)
	}
	service := builtinService()
	service.Network.Mode = ptr(NetworkIsolated)
	health := builtinHealthCheck()
	service.HealthCheck = &health
	service.Filesystem.Tmpfs = nil
	iso := builtinIsolation()
	var resources Resources
	resources.CPU.Period = ptr(builtinPeriod)
	resources.Network.Mode = ptr(NetworkIsolated)

	table("resource_isolation", "", reflect.ValueOf(iso), true)
	table("resources: of a service, and resource_isolation.defaults", "", reflect.ValueOf(resources), true)
	table("security: of a service, and resource_isolation.security", "", reflect.ValueOf(iso.Security), true)
	table("services.NAME", "", reflect.ValueOf(service), true)
	table("filesystem.tmpfs: each entry", "", reflect.ValueOf(Tmpfs{Size: ptr(builtinTmpfsSize)}), false)
	return b.String()
}

// elsewhere are the structures with a table of their own.
var elsewhere = map[reflect.Type]bool{reflect.TypeFor[Resources](): true, reflect.TypeFor[Security](): true}

func referenceRows(b *strings.Builder, path string, v reflect.Value, nested bool) {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		key := field.Tag.Get("yaml")
		if key == "" {
			continue
		}
		if path != "" {
			key = path + "." + key
		}
		if value.Kind() == reflect.Pointer && value.Type().Elem().Kind() == reflect.Struct && !value.IsNil() {
			if _, unit := value.Interface().(schemer); !unit {
				value = value.Elem()
			}
		}
		_, unit := value.Interface().(schemer)
		if nested && value.Kind() == reflect.Struct && !unit && !elsewhere[value.Type()] {
			fmt.Fprintf(b, "| `%s` | | %s |\n", key, field.Tag.Get("doc"))
			referenceRows(b, key, value, true)
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, referenceDefault(value), field.Tag.Get("doc"))
	}
}

func referenceDefault(v reflect.Value) string {
	if elsewhere[v.Type()] {
		return "see there"
	}
	n := renderValue(v)
	if n == nil || n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		return "–"
	}
	n.Style = yaml.FlowStyle
	text, err := yaml.Marshal(n)
	if err != nil {
		return err.Error()
	}
	return "`" + strings.TrimSpace(string(text)) + "`"
}
