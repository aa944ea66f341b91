package params

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

// FuzzAnnotations: what annotations say is refused in whole, or means the same
// once it is written and read again; a bandwidth that is let through makes
// buckets or is refused.
func FuzzAnnotations(f *testing.F) {
	whole, err := json.Marshal(Params{
		Mode: Isolated, Hostname: "web", Bridge: "blackhole0", Masquerade: true, IngressRate: 125000, EgressBurst: 4096,
		Interfaces: []string{"eth1", "eth2"},
	}.Annotations())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"io.blackhole.network.mode":"isolated","io.blackhole.network.ports":"80:8080/tcp,[::1]:1:2/udp,127.0.0.1:3:4/tcp","io.blackhole.network.subnet":"10.88.0.0/16"}`))
	f.Add([]byte(`{"kubernetes.io/ingress-bandwidth":"1.5Gi","kubernetes.io/egress-bandwidth":"1e7","io.blackhole.network.egress-rate":"9"}`))
	f.Add([]byte(`{"kubernetes.io/ingress-bandwidth":"10m","io.kubernetes.cri.container-type":"container"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var annotations map[string]string
		if json.Unmarshal(data, &annotations) != nil {
			return
		}
		p, err := FromAnnotations(annotations)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Fatal("an error that says nothing")
			}
			return
		}
		again, err := FromAnnotations(p.Annotations())
		if err != nil {
			t.Fatalf("%+v is written as %v, which is refused: %v", p, p.Annotations(), err)
		}
		if p.Mode != "" && !reflect.DeepEqual(p, again) {
			t.Fatalf("%+v is written as %v, which is %+v", p, p.Annotations(), again)
		}
		for _, d := range []struct{ rate, burst uint64 }{{p.IngressRate, p.IngressBurst}, {p.EgressRate, p.EgressBurst}} {
			b, err := NewBucket("ingress", d.rate, d.burst)
			switch {
			case err != nil && b != (Bucket{}):
				t.Fatalf("both a bucket and an error: %v, %v", b, err)
			case err == nil && (b.Rate < d.rate || b.Burst < frame || b.Queue < b.Burst && b.Burst < maxPacket):
				t.Fatalf("rate %d, burst %d: %+v", d.rate, d.burst, b)
			}
		}
	})
}

// FuzzQuantity: a bandwidth of Kubernetes' is refused, or within what can be
// shaped.
func FuzzQuantity(f *testing.F) {
	for _, text := range []string{"10M", "1.5Gi", "500k", "1e7", "+8K", "100m", "1E", "9e999", ".5Ki", "1P"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseBandwidth(text)
		if err == nil && (n < minRate || n > maxRate) {
			t.Fatalf("%q is %d bytes a second", text, n)
		}
		if err != nil && n != 0 {
			t.Fatalf("%q: both %d and %v", text, n, err)
		}
		if v, err := parseQuantity(text); err == nil && (math.IsNaN(v) || v < 0) {
			t.Fatalf("%q is %v", text, v)
		}
	})
}
