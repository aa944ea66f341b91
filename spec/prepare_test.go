package spec

import (
	"reflect"
	"strings"
	"testing"
)

// countingHost counts what it is asked.
type countingHost struct {
	*checkHost
	asked int
}

func (h *countingHost) Stat(path string) (File, error) {
	h.asked++
	return h.checkHost.Stat(path)
}

// TestPrepareIsAllOfThem: the same translation and warnings as of the three by
// themselves, and the host is asked less.
func TestPrepareIsAllOfThem(t *testing.T) {
	c := parse(t, one("network: {interfaces: [nosuch0]}\nresources: {memory: {limit: 64M}}"))
	o := Options{HookPath: "/usr/bin/blackhole"}
	h := &countingHost{checkHost: newCheckHost()}
	_, warnings := c.CheckHost(h, "s")
	want, err := Translate(c, "s", h, o)
	if err != nil || len(warnings) == 0 {
		t.Fatal(warnings, err)
	}
	apart := h.asked
	got, gotWarnings, err := c.Prepare("s", h, o)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotWarnings, warnings) {
		t.Errorf("%v %v, not %v %v", got, gotWarnings, want, warnings)
	}
	if together := h.asked - apart; together == 0 || together >= apart {
		t.Errorf("the host was asked for %d files, and for %d by the parts", together, apart)
	}
}

// TestPrepareRefuses: the file's faults and the host's together in the file's order, the
// lack of a program only when there is none of them.
func TestPrepareRefuses(t *testing.T) {
	for _, row := range []struct {
		in   string
		args []string
		want []string // parts of it, in this order
	}{
		{"services: {s: {resources: {fds: {hard: 20001}, memory: {limit: 1M, soft: 2M}}}}", nil, []string{"fds.hard", "memory.soft"}},
		{"services: {s: {resources: {memory: {limit: 64M}}}}", nil, []string{"service s has no executable: write one in f1 or give it after --"}},
		{"services: {s: {resources: {memory: {limit: 64M}}}}", []string{"/bin/true"}, nil},
		{"services: {other: {}}", nil, []string{`"s"`}},
	} {
		h := newCheckHost()
		h.nofile = 20000
		h.lacks = []string{"CAP_SYS_RESOURCE"}
		got, _, err := parse(t, row.in).Prepare("s", h, Options{Args: row.args})
		if row.want == nil {
			if err != nil || got == nil || got.Config.Process.Args[0] != row.args[0] {
				t.Errorf("%s: %v %v", row.in, got, err)
			}
			continue
		}
		if err == nil || got != nil {
			t.Errorf("%s: no error", row.in)
			continue
		}
		rest := err.Error()
		for _, part := range row.want {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				t.Errorf("%s: %v: no %q, or not in this order", row.in, err, part)
			}
			rest = after
		}
	}
}
