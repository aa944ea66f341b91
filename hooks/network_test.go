package hooks

import (
	"strings"
	"testing"
)

func TestUpDown(t *testing.T) {
	h := newHost(t)
	p := isolated()
	c := h.up("storage", p)
	e := h.entry("storage")

	h.inside(c, "ping -c1 -W2 127.0.0.1")
	h.inside(c, "ping -c1 -W2 "+e.Gateway.String())
	h.run("ping -c1 -W2 " + e.Address.String())
	h.run("ping -6 -c1 -W2 " + e.Address6.String())
	if out := h.run("nsenter --net=" + h.Names + "/storage ip -br addr"); !strings.Contains(out, e.Address.String()+"/16") {
		t.Errorf("the namespace's name leads elsewhere: %s", out)
	}
	for range 2 { // a second Down finds nothing, and says nothing
		if err := h.Down("storage"); err != nil {
			t.Fatal(err)
		}
	}
	h.nothingLeft()
}
