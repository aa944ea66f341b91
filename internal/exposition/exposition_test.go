package exposition

import (
	"math"
	"testing"
)

func TestPage(t *testing.T) {
	var w Writer
	w.Begin(&Family{Name: "none_total", Type: Counter, Help: "Never seen."})
	w.Begin(&Family{Name: "a_bytes", Type: Gauge, Help: "A \\ and\na new line.", Labels: []string{"service", "device"}})
	w.Sample(4096, "web", "sda")
	w.Sample(0.5, "q\"\\\n\xff", "")
	w.Begin(&Family{Name: "b", Type: Gauge, Help: "B."})
	w.Sample(math.Inf(1))
	w.Begin(&Family{Name: "c_total", Type: Counter, Help: "C."})
	w.Sample(12345678)
	w.Begin(&Family{Name: "d", Type: Gauge, Help: "D."})
	w.Sample(1.5e-9)
	w.Begin(&Family{Name: "e", Type: Gauge, Help: "E."})
	w.Sample(math.NaN())
	w.Begin(&Family{Name: "f_total", Type: Counter, Help: "F."})
	w.Sample(math.MaxUint64)
	want := `# HELP a_bytes A \\ and\na new line.
# TYPE a_bytes gauge
a_bytes{service="web",device="sda"} 4096
a_bytes{service="q\"\\\n` + "\uFFFD" + `",device=""} 0.5
# HELP b B.
# TYPE b gauge
b +Inf
# HELP c_total C.
# TYPE c_total counter
c_total 12345678
# HELP d D.
# TYPE d gauge
d 1.5e-09
# HELP e E.
# TYPE e gauge
e NaN
# HELP f_total F.
# TYPE f_total counter
f_total 1.8446744073709552e+19
`
	if got := string(w.Page()); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
