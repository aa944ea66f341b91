package hooks

import (
	"reflect"
	"testing"
)

// A meter reads what Stats reads, of each container its own, through changes of
// the bandwidth and new starts.
func TestMeter(t *testing.T) {
	h := newHost(t)
	m := h.Meter()
	same := func(when string, ids ...string) {
		t.Helper()
		var got, want map[string]*Stats
		for range 50 { // a neighbour may be asked for between two readings
			var err error
			if got, err = m.Read([]string{"storage", "web", "nobody"}); err != nil {
				t.Fatal(err)
			}
			want = map[string]*Stats{}
			for _, id := range ids {
				if want[id], err = h.Stats(id); err != nil {
					t.Fatal(err)
				}
			}
			if reflect.DeepEqual(got, want) {
				return
			}
		}
		t.Errorf("%s: %+v, want %+v", when, got, want)
	}
	quiet := func(c Container) { // no router solicitations between two readings
		h.inside(c, "ip -6 addr flush dev eth0; ping -qc1 -W1 10.88.0.1 || true")
	}
	p := isolated()
	p.IngressRate, p.EgressRate = 1e6, 2e6
	c := h.up("storage", p)
	quiet(c)
	same("one", "storage")
	quiet(h.up("web", isolated()))
	h.inside(c, "ping -qc3 -i.01 10.88.0.1 >/dev/null")
	same("two", "storage", "web")
	s, err := m.Read([]string{"storage"})
	if err != nil || s["storage"].RxPackets < 3 || s["storage"].Ingress.Bytes < 3*98 || s["storage"].Egress.Bytes < 3*98 || s["storage"].Egress.Rate != 2e6 {
		t.Errorf("after three pings: %+v %v", s["storage"], err)
	}
	if err := h.Shape("web", Bandwidth{EgressRate: 3e6}); err != nil {
		t.Fatal(err)
	}
	same("a rate for the second", "storage", "web")
	if err := h.Shape("storage", Bandwidth{}); err != nil {
		t.Fatal(err)
	}
	same("no rate for the first", "storage", "web")
	if err := h.Down("storage"); err != nil {
		t.Fatal(err)
	}
	same("gone", "web")
	quiet(h.up("storage", p))
	same("made again", "storage", "web")
	for _, id := range []string{"storage", "web"} {
		if err := h.Down(id); err != nil {
			t.Fatal(err)
		}
	}
	same("none")
}
