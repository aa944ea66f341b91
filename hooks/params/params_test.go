package params

import (
	"maps"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestAnnotationsRoundTrip(t *testing.T) {
	for name, p := range map[string]Params{
		"everything": {
			Mode: Isolated, Hostname: "storage", Bridge: "blackhole0",
			Subnet: netip.MustParsePrefix("10.88.0.0/16"), Masquerade: true,
			IngressRate: 10 << 20, EgressRate: 1 << 40, IngressBurst: 256 << 10, EgressBurst: 1,
			Ports: []Port{
				{Host: 6379, Container: 6379, Protocol: "tcp"},
				{HostIP: netip.MustParseAddr("127.0.0.1"), Host: 5353, Container: 53, Protocol: "udp"},
				{HostIP: netip.MustParseAddr("fd00::1"), Host: 80, Container: 8080, Protocol: "tcp"},
			},
			Interfaces: []string{"eth1", "wlan0"},
		},
		"only a mode": {Mode: Host},
		"nothing":     {},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := p.Annotations()
			annotations["org.example.other"] = "passed over"
			got, err := FromAnnotations(annotations)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, p) {
				t.Errorf("got  %+v\nwant %+v", got, p)
			}
		})
	}
}

func TestAnnotationsAsOthersReadThem(t *testing.T) {
	p := Params{Mode: Isolated, IngressRate: 1000,
		Ports: []Port{{HostIP: netip.MustParseAddr("::1"), Host: 1, Container: 2, Protocol: "udp"}}}
	want := map[string]string{
		"io.blackhole.network.mode":         "isolated",
		"io.blackhole.network.ingress-rate": "1000",
		"io.blackhole.network.ports":        "[::1]:1:2/udp",
	}
	if got := p.Annotations(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFromAnnotationsRefuses(t *testing.T) {
	for _, row := range []struct{ key, value, out string }{
		{"mode", "bridged", "no such network mode"},
		{"subnet", "10.88.0.0", "no '/'"},
		{"masquerade", "perhaps", "invalid syntax"},
		{"ingress-rate", "10M", "not a number of bytes"},
		{"egress-rate", "-1", "not a number of bytes"},
		{"ingress-burst", "", "not a number of bytes"},
		{"egress-burst", "1e3", "not a number of bytes"},
		{"ports", "80:80", "neither tcp nor udp"},
		{"ports", "80/tcp", "not of the form"},
		{"ports", "0:80/tcp", "not of the form"},
		{"ports", "65536:80/tcp", "not of the form"},
		{"ports", "somewhere:1:2/tcp", "not of the form"},
		{"ports", "1:2/tcp,", "neither tcp nor udp"},
		{"colour", "blue", "no such setting"},
	} {
		_, err := FromAnnotations(map[string]string{Prefix + row.key: row.value})
		if err == nil || !strings.Contains(err.Error(), row.out) || !strings.Contains(err.Error(), Prefix+row.key) {
			t.Errorf("%s=%q: got %v, want %q with the annotation's name", row.key, row.value, err, row.out)
		}
	}
}
