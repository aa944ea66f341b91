package hooks

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// measured is what iperf3 received, bytes a second: over all, and in the first
// second.
type measured struct{ all, first float64 }

// iperf sends for some seconds between the host and a container, and returns
// what the receiver saw. With udp it offers half as much again as rate.
func (h *testHost) iperf(c Container, ingress bool, port, seconds int, udp string) func() measured {
	h.t.Helper()
	return h.iperfTo(c, h.entry(c.ID).Address.String(), ingress, port, seconds, udp)
}

func (h *testHost) iperfTo(c Container, address string, ingress bool, port, seconds int, udp string) func() measured {
	h.t.Helper()
	h.background(inside(c, fmt.Sprintf("exec iperf3 -s -J -p %d", port)))
	for range 200 {
		if h.inside(c, fmt.Sprintf("ss -Hnlt sport = %d", port)) != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	direction := "--get-server-output" // the receiver is there
	if !ingress {
		direction = "-R"
	}
	result := make(chan string, 1)
	cmd := command(fmt.Sprintf("iperf3 -J -c %s -p %d -t %d %s %s", address, port, seconds, direction, udp))
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil { // on this thread: in the host's namespace
		h.t.Fatal(err)
	}
	go func() { cmd.Wait(); result <- out.String() }()
	return func() measured {
		type sample struct {
			Sum struct {
				Bytes   float64 `json:"bytes"`
				Seconds float64 `json:"seconds"`
			} `json:"sum"`
		}
		var r struct {
			Error     string   `json:"error"`
			Intervals []sample `json:"intervals"`
			Server    struct {
				Intervals []sample `json:"intervals"`
			} `json:"server_output_json"`
		}
		text := <-result
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Error != "" {
			h.t.Fatalf("iperf3: %v %s\n%s", err, r.Error, text)
		}
		samples := r.Intervals
		if ingress {
			samples = r.Server.Intervals
		}
		var m measured
		var bytes, time float64
		for _, s := range samples {
			bytes, time = bytes+s.Sum.Bytes, time+s.Sum.Seconds
		}
		m.all, m.first = bytes/time, samples[0].Sum.Bytes/samples[0].Sum.Seconds
		return m
	}
}

// Both directions at once, TCP and UDP, at each rate: within 5 % over the whole
// time and at most 15 % over in the first second. benchmarks/network measures
// it at length.
func TestRates(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	megabits, here := inParts(t, "1", "10", "100")
	if !here {
		return
	}
	rate, err := strconv.ParseUint(megabits, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	keepsRate(newHost(t), rate*1e6/8, "tcp", "udp")
}

// One process cannot keep a gigabit of small datagrams, so TCP alone, and nothing beside it.
func TestGigabit(t *testing.T) {
	keepsRate(newHost(t), 1e9/8, "tcp")
}

func keepsRate(h *testHost, rate uint64, protocols ...string) {
	port := 5200
	for _, protocol := range protocols {
		// A machine that is busy with something else gives less than a
		// rate; nothing excuses more.
		for attempt := 1; ; attempt++ {
			low, high := h.rates(rate, protocol, port)
			port += 2
			if high != "" {
				h.t.Error(high)
			}
			if low == "" {
				break
			}
			if h.t.Log(low); attempt == 3 && rate == 1e9/8 {
				break // a machine may not reach it at all; that it is not exceeded was seen
			} else if attempt == 3 {
				h.t.Errorf("three times under the rate, the last: %s", low)
				break
			}
		}
	}
}

// rates measures both directions at once, and says what is too low and too high.
func (h *testHost) rates(rate uint64, protocol string, port int) (low, high string) {
	p := isolated()
	p.IngressRate, p.EgressRate = rate, rate
	c := h.up("storage", p)
	udp := ""
	if protocol == "udp" {
		udp = "-u -b " + strconv.FormatUint(rate*8*3/2, 10)
	}
	seconds := 5
	if rate < 10e6/8 {
		seconds = 10 // a TCP connection at 1 mbit takes some seconds to settle
	}
	receives := h.iperf(c, true, port, seconds, udp)
	sends := h.iperf(c, false, port+1, seconds, udp)
	for direction, m := range map[string]measured{"ingress": receives(), "egress": sends()} {
		of := func(v float64) float64 { return math.Round(v/float64(rate)*1000) / 10 }
		result := fmt.Sprintf("%s at %d mbit, %s: %.1f %% of the rate, %.1f %% in the first second", direction, rate*8/1e6, protocol, of(m.all), of(m.first))
		h.t.Log(result)
		if of(m.all) > 105 || of(m.first) > 115 {
			high = result
		}
		// 1 gbit a busy machine does not reach; that it is not exceeded holds
		// on any.
		if of(m.all) < 95 && rate < 1e9/8 {
			low = result
		}
	}
	if err := h.Down("storage"); err != nil {
		h.t.Fatal(err)
	}
	return low, high
}

// rtt is the average round trip of 40 pings from the host.
func (h *testHost) rtt(c Container) time.Duration {
	h.t.Helper()
	out := h.run("ping -i 0.05 -c 40 -q " + h.entry(c.ID).Address.String())
	var least, average float64
	if _, err := fmt.Sscanf(out[strings.Index(out, "mdev = ")+7:], "%f/%f", &least, &average); err != nil {
		h.t.Fatal(out)
	}
	return time.Duration(average * float64(time.Millisecond))
}

func TestLatencyUnderLoad(t *testing.T) {
	h := newHost(t)
	p := isolated()
	p.IngressRate, p.EgressRate = 10e6/8, 10e6/8
	c := h.up("storage", p)
	idle := h.rtt(c)
	if idle > 5*time.Millisecond {
		t.Logf("idle it is %v: this machine is busy", idle)
	}
	port := 5201
	for name, udp := range map[string]string{"tcp": "", "udp": "-u -b 15M"} {
		var added time.Duration
		for range 3 { // on a busy machine the processes themselves are late
			receives := h.iperf(c, true, port, 4, udp)
			sends := h.iperf(c, false, port+1, 4, udp)
			port += 2
			time.Sleep(time.Second)
			added = h.rtt(c) // idle it is nothing beside this
			receives()
			sends()
			t.Logf("%s in both directions adds %v", name, added)
			if added < 50*time.Millisecond {
				break
			}
		}
		if added >= 50*time.Millisecond {
			t.Errorf("%s in both directions adds %v to the round trip, want under 50ms", name, added)
		}
	}
}

// A change is in force at once, without a break in a connection; a rate of zero
// takes the limit away, and nothing of it is left.
func TestShapeLive(t *testing.T) {
	h := newHost(t)
	c := h.up("storage", isolated())
	if out := h.run("tc qdisc; ip link"); strings.Contains(out, "tbf") || strings.Contains(out, "bhi") {
		t.Errorf("shaped without a rate:\n%s", out)
	}
	receives := h.iperf(c, true, 5201, 11, "")
	sends := h.iperf(c, false, 5202, 11, "")
	for _, rate := range []uint64{10e6 / 8, 50e6 / 8, 0} {
		if err := h.Shape("storage", Bandwidth{IngressRate: rate, EgressRate: rate / 2}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // the queue of before, and what was lost with it
		before, err := h.Stats("storage")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		after, err := h.Stats("storage")
		if err != nil {
			t.Fatal(err)
		}
		for direction, row := range map[string]struct{ bytes, rate uint64 }{
			"ingress": {after.RxBytes - before.RxBytes, rate}, "egress": {after.TxBytes - before.TxBytes, rate / 2},
		} {
			got, want := float64(row.bytes)/2, float64(row.rate)
			t.Logf("%s at %.0f: %.0f bytes a second on the wire", direction, want, got)
			if rate != 0 && (got < 0.6*want || got > 1.15*want) || rate == 0 && got < 20e6 {
				t.Errorf("%s after a change to %.0f bytes a second: %.0f", direction, want, got)
			}
		}
		if shaped := after.Ingress != nil && after.Egress != nil; shaped != (rate != 0) {
			t.Errorf("statistics of the shaping at rate %d: %+v", rate, after)
		}
	}
	receives() // iperf3 fails when its connection breaks
	sends()
	if out := h.run("tc qdisc; ip link"); strings.Contains(out, "tbf") || strings.Contains(out, "bhi") || strings.Contains(out, "clsact") {
		t.Errorf("left of a removed limit:\n%s", out)
	}
	if err := h.Down("storage"); err != nil {
		t.Fatal(err)
	}
	h.nothingLeft()
}

// A service with every capability over its own network cannot lift its limits.
func TestServiceCannotLiftLimits(t *testing.T) {
	if !beside(t) {
		return
	}
	h := newHost(t)
	p := isolated()
	p.IngressRate, p.EgressRate = 10e6/8, 10e6/8
	c := h.up("storage", p)
	h.inside(c, `tc qdisc del dev eth0 root 2>/dev/null; tc qdisc del dev eth0 clsact 2>/dev/null
		tc qdisc add dev eth0 root pfifo limit 10000; ip link set eth0 txqueuelen 100000; ip link set eth0 mtu 9000
		ip link set eth0 address 02:00:00:00:00:77; ip link add link eth0 name vlan7 type vlan id 7 2>/dev/null; true`)
	// With that address nothing of it would pass (genuine.go).
	h.inside(c, fmt.Sprintf("ip link set eth0 mtu 1500 address %s", hardwareAddr(h.entry("storage").Address)))
	receives := h.iperf(c, true, 5201, 3, "")
	sends := h.iperf(c, false, 5202, 3, "")
	for direction, m := range map[string]measured{"ingress": receives(), "egress": sends()} {
		if m.all > 1.05*10e6/8 {
			t.Errorf("%s: %.0f bytes a second of %d", direction, m.all, 10000000/8)
		}
	}
	s, err := h.Stats("storage")
	if err != nil || s.Ingress == nil || s.Egress == nil || s.Ingress.Overlimits == 0 || s.Egress.Overlimits == 0 || s.Egress.Rate != 10e6/8 {
		t.Errorf("statistics: %+v %v", s, err)
	}
}
