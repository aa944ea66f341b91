package spec

import (
	"encoding"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

// unitType is what every type with a text form is.
type unitType interface {
	encoding.TextUnmarshaler
	encoding.TextMarshaler
}

// TestUnits reads each form of each type, and looks at the form it is written in.
func TestUnits(t *testing.T) {
	for _, row := range []struct {
		in   string
		into unitType
		want any // the value, not the pointer
		text string
	}{
		{"0", new(Size), Size(0), "0"},
		{"4095", new(Size), Size(4095), "4095"},
		{"1K", new(Size), Size(1024), "1K"},
		{"1k", new(Size), Size(1024), "1K"},
		{"1Ki", new(Size), Size(1024), "1K"},
		{"1KiB", new(Size), Size(1024), "1K"},
		{"1KB", new(Size), Size(1000), "1KB"},
		{"7B", new(Size), Size(7), "7"},
		{"512m", new(Size), Size(512 << 20), "512M"},
		{"768M", new(Size), Size(768 << 20), "768M"},
		{"1024M", new(Size), Size(1 << 30), "1G"},
		{"2Gi", new(Size), Size(2 << 30), "2G"},
		{"10MB", new(Size), Size(10_000_000), "10MB"},
		{"3GB", new(Size), Size(3_000_000_000), "3GB"},
		{"1TB", new(Size), Size(1_000_000_000_000), "1TB"},
		{"1T", new(Size), Size(1 << 40), "1T"},
		{"1.5G", new(Size), Size(3 << 29), "1536M"},
		{"0.1K", new(Size), Size(102), "102"},
		{"1.000000000000000000999M", new(Size), Size(1 << 20), "1M"},
		{"8388607.999999999999T", new(Size), Size(math.MaxInt64 - 1), "9223372036854775806"},
		{"9223372036854775807", new(Size), Size(math.MaxInt64), "9223372036854775807"},

		{"100M", new(Rate), Rate(100 << 20), "100M"},
		{"10mbit", new(Rate), Rate(1_250_000), "10mbit"},
		{"10Mbit", new(Rate), Rate(1_250_000), "10mbit"},
		{"1kbit", new(Rate), Rate(125), "1kbit"},
		{"1gbit", new(Rate), Rate(125_000_000), "1gbit"},
		{"1.5mbit", new(Rate), Rate(187_500), "1500kbit"},
		{"200MB", new(Rate), Rate(200_000_000), "200MB"},
		{"7", new(Rate), Rate(7), "7"},

		{"1", new(Cores), Cores(1), "1"},
		{"1.50", new(Cores), Cores(1.5), "1.5"},
		{"0.01", new(Cores), Cores(0.01), "0.01"},

		{"100ms", new(Period), Period(100 * time.Millisecond), "100ms"},
		{"50000", new(Period), Period(50 * time.Millisecond), "50ms"},
		{"0", new(Period), Period(0), "0s"},
		{"1500us", new(Period), Period(1500 * time.Microsecond), "1.5ms"},
		{"7µs", new(Period), Period(7 * time.Microsecond), "7us"},
		{"1s", new(Period), Period(time.Second), "1s"},

		{"0", new(Duration), Duration(0), "0s"},
		{"1m30s", new(Duration), Duration(90 * time.Second), "1m30s"},
		{"60s", new(Duration), Duration(time.Minute), "1m"},
		{"120m", new(Duration), Duration(2 * time.Hour), "2h"},
		{"1h0m10s", new(Duration), Duration(time.Hour + 10*time.Second), "1h0m10s"},
		{"1.5s", new(Duration), Duration(1500 * time.Millisecond), "1.5s"},
		{"10ns", new(Duration), Duration(10), "10ns"},

		{"0.8", new(Fraction), Fraction(0.8), "0.8"},
		{"1", new(Fraction), Fraction(1), "1"},
		{"1.0", new(Fraction), Fraction(1), "1"},

		{"0-3,8", new(CPUSet), CPUSet("0-3,8"), "0-3,8"},
		{"8, 3,2,0-1", new(CPUSet), CPUSet("0-3,8"), "0-3,8"},
		{"0-3,2-5", new(CPUSet), CPUSet("0-5"), "0-5"},
		{"7", new(CPUSet), CPUSet("7"), "7"},
		{"8191", new(CPUSet), CPUSet("8191"), "8191"},

		{"2", new(CgroupVersion), CgroupV2, "2"},
		{"auto", new(CgroupVersion), CgroupAuto, "auto"},

		{"best-effort:0", new(IOPriority), IOPriority{"best-effort", 0}, "best-effort:0"},
		{"best-effort", new(IOPriority), IOPriority{"best-effort", 4}, "best-effort:4"},
		{"realtime:7", new(IOPriority), IOPriority{"realtime", 7}, "realtime:7"},
		{"idle", new(IOPriority), IOPriority{"idle", 0}, "idle"},

		{"isolated", new(NetworkMode), NetworkIsolated, "isolated"},
		{"none", new(NetworkMode), NetworkNone, "none"},
		{"host", new(NetworkMode), NetworkHost, "host"},
		{"critical", new(Priority), PriorityCritical, "critical"},
		{"batch", new(Priority), PriorityBatch, "batch"},
		{"on-failure", new(RestartPolicy), RestartOnFailure, "on-failure"},
		{"no", new(RestartPolicy), RestartNo, "no"},
		{"false", new(RestartPolicy), RestartNo, "no"},
		{"unless-stopped", new(RestartPolicy), RestartUnlessStopped, "unless-stopped"},

		{"10.88.0.0/16", new(Subnet), Subnet{netip.MustParsePrefix("10.88.0.0/16")}, "10.88.0.0/16"},
		{"192.168.7.0/30", new(Subnet), Subnet{netip.MustParsePrefix("192.168.7.0/30")}, "192.168.7.0/30"},

		{"80", new(Port), Port{Host: 80, Container: 80, Protocol: "tcp"}, "80:80"},
		{"8080:80", new(Port), Port{Host: 8080, Container: 80, Protocol: "tcp"}, "8080:80"},
		{"53/udp", new(Port), Port{Host: 53, Container: 53, Protocol: "udp"}, "53:53/udp"},
		{"127.0.0.1:1:2/tcp", new(Port), Port{netip.MustParseAddr("127.0.0.1"), 1, 2, "tcp"}, "127.0.0.1:1:2"},
		{"[::1]:1:2/udp", new(Port), Port{netip.MustParseAddr("::1"), 1, 2, "udp"}, "[::1]:1:2/udp"},
		{"[::ffff:127.0.0.1]:1:2", new(Port), Port{netip.MustParseAddr("127.0.0.1"), 1, 2, "tcp"}, "127.0.0.1:1:2"},

		{"SIGTERM", new(Signal), Signal(15), "SIGTERM"},
		{"term", new(Signal), Signal(15), "SIGTERM"},
		{"9", new(Signal), Signal(9), "SIGKILL"},
		{"IOT", new(Signal), Signal(6), "SIGABRT"},
		{"SIGPOLL", new(Signal), Signal(29), "SIGIO"},
		{"SIGCLD", new(Signal), Signal(17), "SIGCHLD"},
		{"RTMIN", new(Signal), Signal(34), "SIGRTMIN"},
		{"SIGRTMIN+3", new(Signal), Signal(37), "SIGRTMIN+3"},
		{"rtmax-1", new(Signal), Signal(63), "SIGRTMIN+29"},
		{"64", new(Signal), Signal(64), "SIGRTMIN+30"},
		{"33", new(Signal), Signal(33), "33"},
	} {
		name := fmt.Sprintf("%T %q", row.into, row.in)
		if err := row.into.UnmarshalText([]byte(row.in)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := reflect.ValueOf(row.into).Elem().Interface(); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %#v, want %#v", name, got, row.want)
		}
		if text, err := row.into.MarshalText(); err != nil || string(text) != row.text {
			t.Errorf("%s: is written as %q (%v), want %q", name, text, err, row.text)
		}
	}
}

// TestUnitKeepsOldValue: what cannot be read does not change the value.
func TestUnitKeepsOldValue(t *testing.T) {
	for _, u := range units() {
		before := reflect.ValueOf(u).Elem().Interface()
		if err := u.UnmarshalText([]byte("?")); err == nil {
			t.Errorf(`%T reads "?"`, u)
		}
		if after := reflect.ValueOf(u).Elem().Interface(); !reflect.DeepEqual(before, after) {
			t.Errorf("%T: a failed read made %v of %v", u, after, before)
		}
	}
}

// units has one of each type that reads one text.
func units() []unitType {
	return []unitType{
		new(Size), new(Rate), new(Cores), new(Period), new(Duration), new(Fraction), new(CPUSet), new(CgroupVersion),
		new(IOPriority), new(NetworkMode), new(Priority), new(RestartPolicy), new(Subnet), new(Port), new(Signal),
	}
}

func TestCPUSetCPUs(t *testing.T) {
	for _, row := range []struct {
		in  CPUSet
		out []int
	}{
		{"", nil},
		{"0-2,7", []int{0, 1, 2, 7}},
		{"x", nil},
	} {
		if got := row.in.CPUs(); !slices.Equal(got, row.out) {
			t.Errorf("%q has CPUs %v, want %v", row.in, got, row.out)
		}
	}
}

func TestPortOverlap(t *testing.T) {
	port := func(s string) Port {
		var p Port
		if err := p.UnmarshalText([]byte(s)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, row := range []struct {
		a, b string
		out  bool
	}{
		{"80", "80:8080", true},
		{"80", "81:80", false},
		{"80", "80/udp", false},
		{"80", "127.0.0.1:80:80", true},
		{"0.0.0.0:80:80", "127.0.0.1:80:80", true},
		{"[::]:80:80", "127.0.0.1:80:80", false},
		{"[::]:80:80", "[::1]:80:80", true},
		{"127.0.0.2:80:80", "127.0.0.1:80:80", false},
		{"127.0.0.1:80:80", "127.0.0.1:80:81", true},
	} {
		if got := port(row.a).overlaps(port(row.b)); got != row.out {
			t.Errorf("%s and %s: overlap is %v", row.a, row.b, got)
		}
		if got := port(row.b).overlaps(port(row.a)); got != row.out {
			t.Errorf("%s and %s: overlap is %v", row.b, row.a, got)
		}
	}
}
