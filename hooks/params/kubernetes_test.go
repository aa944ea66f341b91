package params

import (
	"strings"
	"testing"
)

func TestKubernetesBandwidth(t *testing.T) {
	for _, row := range []struct {
		in   string
		want uint64 // bytes a second
	}{
		{"10M", 1_250_000},
		{"+10M", 1_250_000},
		{"1G", 125_000_000},
		{"500k", 62_500},
		{"1Mi", 131_072},
		{"64Ki", 8192},
		{"8k", 1000},
		{"8000", 1000},
		{"1.5M", 187_500},
		{".5M", 62_500},
		{"8000000m", 1000},
		{"1e6", 125_000},
		{"1E6", 125_000},
		{"10e+5", 125_000},
		{"2T", 250_000_000_000},
		{"1P", maxRate},
	} {
		for _, key := range []string{KubernetesIngress, KubernetesEgress} {
			p, err := FromAnnotations(map[string]string{key: row.in})
			got, other := p.IngressRate, p.EgressRate
			if key == KubernetesEgress {
				got, other = other, got
			}
			if err != nil || got != row.want || other != 0 || p.Mode != Shaped {
				t.Errorf("%s=%q: got %+v %v, want %d", key, row.in, p, err, row.want)
			}
		}
	}
	for in, out := range map[string]string{
		"10X": "not a quantity", "": "not a quantity", "M": "not a quantity", "-1M": "not a quantity", "10 M": "not a quantity",
		"10mbit": "not a quantity", "10m": "less than 8k", "10ki": "not a quantity", "10KI": "not a quantity", "10K": "not a quantity",
		"1.2.3M": "not a quantity", "0x10": "not a quantity", "1e": "not a quantity", "1emM": "not a quantity", "10kM": "not a quantity",
		"10mi": "not a quantity", "Inf": "not a quantity", "NaN": "not a quantity",
		"0": "less than 8k", "7999": "less than 8k", "1e-3": "less than 8k", "0e1000": "less than 8k", "2P": "more than 1P", "1E": "more than 1P", "1e300": "more than 1P",
	} {
		p, err := FromAnnotations(map[string]string{KubernetesIngress: in})
		if err == nil || !strings.Contains(err.Error(), `cannot read annotation kubernetes.io/ingress-bandwidth="`+in+`": `+out) {
			t.Errorf("%q: got %+v %v, want %q", in, p, err, out)
		}
	}
}

// Our own annotation has the say over Kubernetes' for its direction, and a mode
// over what a rate alone stands for.
func TestKubernetesBesideOurs(t *testing.T) {
	p, err := FromAnnotations(map[string]string{
		KubernetesIngress: "10M", KubernetesEgress: "10M", Prefix + "egress-rate": "5000", Prefix + "egress-burst": "9000",
	})
	if want := (Params{Mode: Shaped, IngressRate: 1_250_000, EgressRate: 5000, EgressBurst: 9000}); err != nil || p.Mode != want.Mode ||
		p.IngressRate != want.IngressRate || p.EgressRate != want.EgressRate || p.EgressBurst != want.EgressBurst {
		t.Errorf("got %+v %v, want %+v", p, err, want)
	}
	for mode, want := range map[string]string{Joined: Joined, Isolated: Isolated, Shaped: Shaped} {
		p, err := FromAnnotations(map[string]string{Prefix + "mode": mode, Prefix + "ingress-rate": "5000"})
		if err != nil || p.Mode != want {
			t.Errorf("mode %s: got %+v %v", mode, p, err)
		}
	}
	if p, err := FromAnnotations(map[string]string{"io.kubernetes.cri.container-type": "sandbox"}); err != nil || p.Mode != "" {
		t.Errorf("without a rate: %+v %v", p, err)
	}
}
