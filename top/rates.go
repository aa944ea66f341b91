package top

import (
	"time"

	"blackhole/runtime/stats"
)

// Rates is what happened between two samples of one container, by the second.
// What either of them does not tell is absent, never zero.
type Rates struct {
	CPU        *float64 `json:"cpu_cores,omitempty"`       // processors in use
	Throttled  *float64 `json:"throttled_share,omitempty"` // of the quota's periods, 0 to 1
	ReadBytes  *float64 `json:"read_bytes_per_second,omitempty"`
	WriteBytes *float64 `json:"write_bytes_per_second,omitempty"`
	ReadIOs    *float64 `json:"read_ios_per_second,omitempty"`
	WriteIOs   *float64 `json:"write_ios_per_second,omitempty"`
	RxBytes    *float64 `json:"rx_bytes_per_second,omitempty"`
	TxBytes    *float64 `json:"tx_bytes_per_second,omitempty"`
	RxPackets  *float64 `json:"rx_packets_per_second,omitempty"`
	TxPackets  *float64 `json:"tx_packets_per_second,omitempty"`
	Drops      *float64 `json:"dropped_packets_per_second,omitempty"` // by interface and shaping
	// Devices are the disks' parts, by the device's number.
	Devices map[string]DeviceRates `json:"-"`
}

// DeviceRates is one disk's part, in bytes and operations a second.
type DeviceRates struct {
	ReadBytes, WriteBytes, ReadIOs, WriteIOs *float64
}

// leastSpan is the shortest time between two samples that rates are made of:
// below, one tick of a counter looks like a storm.
const leastSpan = 50 * time.Millisecond

// Pause is how long to wait after a sample that took so long, with a delay from
// one sample to the next. On a host in trouble, where samples take long, the rest
// of the time is not all spent on them.
func Pause(delay, took time.Duration) time.Duration {
	return max(delay-took, delay/4, 2*leastSpan)
}

// ratesBetween compares two samples; two of different lives have no rates.
func ratesBetween(before, now *Container) Rates {
	var r Rates
	if before == nil || now == nil || before.Stats == nil || now.Stats == nil ||
		!before.Run.Equal(now.Run) || now.At.Sub(before.At) < leastSpan {
		return r
	}
	seconds := now.At.Sub(before.At).Seconds()
	perSecond := func(a, b *uint64) *float64 {
		d := rise(a, b)
		if d == nil {
			return nil
		}
		return ref(*d / seconds)
	}
	a, b := before.Stats, now.Stats
	if a.CPU != nil && b.CPU != nil {
		if r.CPU = perSecond(a.CPU.UsageNS, b.CPU.UsageNS); r.CPU != nil {
			*r.CPU /= 1e9
		}
		r.Throttled = share(rise(a.CPU.ThrottledCount, b.CPU.ThrottledCount), rise(a.CPU.Periods, b.CPU.Periods), b.CPU.Periods)
	}
	if b.IO != nil {
		r.disks(a.IO, b.IO, perSecond)
	}
	if a.Network != nil && b.Network != nil {
		x, y := a.Network, b.Network
		r.RxBytes, r.TxBytes = perSecond(&x.RxBytes, &y.RxBytes), perSecond(&x.TxBytes, &y.TxBytes)
		r.RxPackets, r.TxPackets = perSecond(&x.RxPackets, &y.RxPackets), perSecond(&x.TxPackets, &y.TxPackets)
		r.Drops = perSecond(ref(Dropped(x)), ref(Dropped(y)))
	}
	return r
}

// disks sums over the devices. One that is new in the second sample was not used
// before the first: a cgroup's files list a disk from its first use on.
func (r *Rates) disks(before, now *stats.IO, perSecond func(a, b *uint64) *float64) {
	old := map[string]stats.Device{}
	if before != nil {
		for _, d := range before.Devices {
			old[d.String()] = d
		}
	}
	r.Devices = map[string]DeviceRates{}
	for _, d := range now.Devices {
		was, ok := old[d.String()]
		if !ok {
			was = stats.Device{ReadBytes: new(uint64), WriteBytes: new(uint64), ReadIOs: new(uint64), WriteIOs: new(uint64)}
		}
		one := DeviceRates{
			perSecond(was.ReadBytes, d.ReadBytes), perSecond(was.WriteBytes, d.WriteBytes),
			perSecond(was.ReadIOs, d.ReadIOs), perSecond(was.WriteIOs, d.WriteIOs),
		}
		r.Devices[d.String()] = one
		add(&r.ReadBytes, one.ReadBytes)
		add(&r.WriteBytes, one.WriteBytes)
		add(&r.ReadIOs, one.ReadIOs)
		add(&r.WriteIOs, one.WriteIOs)
	}
}

// Dropped counts the packets that did not go through, in both directions: by the
// interface and by the shaping's queues.
func Dropped(n *stats.Network) uint64 {
	sum := n.RxDropped + n.TxDropped
	for _, s := range []*stats.Shaping{n.Ingress, n.Egress} {
		if s != nil {
			sum += s.Dropped
		}
	}
	return sum
}

// rise is how much a counter grew; absent if it is unknown, or went back because
// something else counts now.
func rise(a, b *uint64) *float64 {
	if a == nil || b == nil || *b < *a {
		return nil
	}
	return ref(float64(*b - *a))
}

// share is a part of a whole. Of nothing it is 0 if there ever was something in
// total, else absent: without a quota there are no periods.
func share(part, whole *float64, total *uint64) *float64 {
	switch {
	case part == nil || whole == nil || *total == 0:
		return nil
	case *whole == 0:
		return ref(0.0)
	}
	return ref(min(*part / *whole, 1))
}

func add(sum **float64, n *float64) {
	switch {
	case n == nil:
	case *sum == nil:
		*sum = ref(*n)
	default:
		**sum += *n
	}
}

func ref[T any](v T) *T { return &v }
