package spec

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse: whatever stands in a file, parsing ends, with faults that have a
// place, or with a configuration that can be checked and printed, and whose
// print means the same.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"everything.yaml", "seed/isolation.yaml", "seed/services.yaml"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{ // small ones, that a mutation changes more of
		"services: {a: {resources: {memory: {limit: 1G, soft: 5K}, rlimits: {core: {soft: 1, hard: unlimited}}}}}",
		"x-a: &a {limit: 1G}\nservices: {a: {resources: {memory: {<<: *a, soft: ~}}}, b: &b {args: [\"\\0\", x]}, c: *b}",
		"services: {a: {environment: [A=1], network: {ports: [80, '[::1]:1:2/udp']}, depends_on: [a]}}",
		"services:\n  a:\n    health_check: {http: 'http://x/'}\n    stop: {signal: RTMIN+1, timeout: 1m}\n",
		"resource_isolation: {defaults: {cpu: {quota: 1.5, period: 50000}, network: {bandwidth: {egress_rate: 10mbit}}}}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(Source{"f", data})
		var faults Faults
		if err != nil && (!errors.As(err, &faults) || len(faults) == 0) {
			t.Fatalf("the error has no faults: %v", err)
		}
		if c == nil {
			if err == nil {
				t.Fatal("neither a configuration nor a fault")
			}
			return
		}
		faults = append(faults, c.Check()...)
		for _, fault := range faults {
			if fault.Message == "" || strings.ContainsAny(fault.String(), "\n\r") {
				t.Fatalf("not one line: %q", fault.String())
			}
		}
		for _, format := range []Format{FormatYAML, FormatJSON} {
			out, err := c.Render("", format)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(Source{"again", out})
			if err != nil {
				t.Fatalf("%v in\n%s", err, out)
			}
			if !reflect.DeepEqual(again.Effective(), c.Effective()) {
				t.Fatalf("means something else:\n%s", out)
			}
		}
	})
}

// FuzzUnits: what a type reads, it writes in a form that it reads as the same
// value, and writes the same again.
func FuzzUnits(f *testing.F) {
	for _, text := range []string{
		"1.5G", "10mbit", "0.5", "100ms", "50000", "1m30s", "0.8", "0-3,8", "auto", "best-effort:4", "isolated",
		"critical", "on-failure", "10.88.0.0/16", "127.0.0.1:80:8080/tcp", "[::1]:1:2/udp", "SIGRTMIN+3", "unlimited", "64K",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, u := range units() {
			if err := u.UnmarshalText([]byte(text)); err != nil {
				if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 1000 {
					t.Fatalf("%T: not one line: %q", u, err)
				}
				continue
			}
			written, err := u.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			again := reflect.New(reflect.TypeOf(u).Elem()).Interface().(unitType)
			if err := again.UnmarshalText(written); err != nil {
				t.Fatalf("%T reads %q and writes %q: %v", u, text, written, err)
			}
			if !reflect.DeepEqual(u, again) {
				t.Fatalf("%T reads %q as %v and its %q as %v", u, text, u, written, again)
			}
		}
		if v, err := parseRlimit(text); err == nil {
			if again, err := parseRlimit(formatRlimit(v)); err != nil || again != v {
				t.Fatalf("limit %q is %d, then %d (%v)", text, v, again, err)
			}
		}
	})
}
