package supervisor

import (
	"fmt"
	"time"

	"blackhole/runtime/stats"
	"blackhole/spec"
)

// more is what a sample takes beside the use of a service's cgroup.
type more struct {
	limits  bool // those in force, in any case
	disks   bool // likewise, if it used a disk
	network bool // it has one of its own
}

// limitsAge is how old the limits may be that nobody told a change of: they
// change by update, which is told, or by hand.
const limitsAge = 30 * time.Second

// due: what was read at a time is to be read anew.
func (u *usage) due(at, now time.Time) bool {
	return at.Before(u.changed) || now.Sub(at) >= limitsAge
}

func (s *Supervisor) more(sv *service, now time.Time) more {
	u, mode := sv.usage, sv.spec.Network.Mode
	due := u.due(u.limitsAt, now)
	return more{
		limits:  due && (s.o.Metrics != "" || u.limitsAt.Before(u.changed) || u.limits == nil),
		disks:   due,
		network: mode != nil && *mode == spec.NetworkIsolated,
	}
}

// traffic is the last two readings of a service's network.
type traffic struct {
	now, before  *stats.Network
	at, beforeAt time.Time
}

// sampleMore reads what is not in every sample, beside the loop.
func (s *Supervisor) sampleMore(all []*reading) {
	var networks []string
	for _, r := range all {
		if r.more.network {
			networks = append(networks, r.name)
		}
		if !r.rested && (r.more.limits || r.more.disks && r.usedDisk()) {
			r.limits, r.limitsErr = stats.ReadLimits(stats.Source{Cgroups: r.cgroups})
		}
	}
	if s.o.Network == nil || len(networks) == 0 {
		return
	}
	read, err := s.o.Network(networks)
	at := time.Now()
	s.post(func() {
		if err != nil {
			s.warn(nil, err)
			return
		}
		for _, r := range all {
			if sv := s.services[r.name]; sv != nil && s.awaits(sv, r.run) && sv.usage != nil && read[r.name] != nil {
				n := &sv.usage.network
				n.before, n.beforeAt, n.now, n.at = n.now, n.at, read[r.name], at
				s.recordNetwork(sv)
				s.checkNetwork(sv)
			}
		}
	})
}

// usedDisk: it has read or written since the reading before.
func (r *reading) usedDisk() bool {
	if r.stats == nil || r.stats.IO == nil {
		return false
	}
	sum := func(st *stats.Stats) (n uint64) {
		if st == nil || st.IO == nil {
			return 0
		}
		for _, d := range st.IO.Devices {
			for _, counted := range []*uint64{d.ReadBytes, d.WriteBytes, d.ReadIOs, d.WriteIOs} {
				if counted != nil {
					n += *counted
				}
			}
		}
		return n
	}
	return sum(r.stats) != sum(r.before)
}

// limitsRead takes over the limits, if they were read, before the sample is compared with them.
func (s *Supervisor) limitsRead(sv *service, r *reading) {
	switch {
	case r.limitsErr != nil:
		s.warn(sv, fmt.Errorf("cannot read its limits: %w", r.limitsErr))
	case r.limits != nil:
		sv.usage.limits, sv.usage.limitsAt = r.limits, r.begun
	}
}

// share is how much of one limit is used.
type share struct {
	what, unit  string
	used, limit float64
}

// The units of shares.
const (
	bytesPerSecond      = "bytes/s"
	operationsPerSecond = "operations/s"
)

// or is the one of two of which the larger part is used. One without a limit is none.
func (a *share) or(b share) *share {
	if b.limit > 0 && (a == nil || b.used*a.limit > a.used*b.limit) {
		return &b
	}
	return a
}

// checkDisks compares what was read and written since the last sample with the
// limits of each disk. The one nearest to its limit is told of.
func (s *Supervisor) checkDisks(sv *service) {
	u := sv.usage
	if u.before == nil || u.before.IO == nil || u.now.IO == nil {
		return
	}
	var most *share
	for _, now := range u.now.IO.Devices {
		limits := u.limits.Of(now)
		if limits == nil {
			continue
		}
		before := stats.Device{}
		for _, d := range u.before.IO.Devices {
			if d.Major == now.Major && d.Minor == now.Minor {
				before = d
			}
		}
		name := now.Name
		if name == "" {
			name = now.String()
		}
		for _, f := range []struct {
			what, unit         string
			before, now, limit *uint64
		}{
			{"reading from " + name, bytesPerSecond, before.ReadBytes, now.ReadBytes, limits.ReadBytes},
			{"writing to " + name, bytesPerSecond, before.WriteBytes, now.WriteBytes, limits.WriteBytes},
			{"reading from " + name, operationsPerSecond, before.ReadIOs, now.ReadIOs, limits.ReadIOs},
			{"writing to " + name, operationsPerSecond, before.WriteIOs, now.WriteIOs, limits.WriteIOs},
		} {
			if f.now == nil || f.limit == nil {
				continue
			}
			old := uint64(0) // a disk that was not used before is not listed
			if f.before != nil {
				old = *f.before
			}
			most = most.or(share{f.what, f.unit, rate(old, *f.now, u.at.Sub(u.beforeAt)), float64(*f.limit)})
		}
	}
	s.checkShare(sv, "io", most)
}

// checkNetwork compares what passed the shaping since the last reading with the
// bandwidth. That is what programs get, so of what passed the headers are taken
// off, as many as full packets of TCP have.
func (s *Supervisor) checkNetwork(sv *service) {
	n := &sv.usage.network
	if n.before == nil {
		return
	}
	var most *share
	for _, d := range []struct {
		what        string
		before, now *stats.Shaping
	}{{"receiving", n.before.Ingress, n.now.Ingress}, {"sending", n.before.Egress, n.now.Egress}} {
		if d.before == nil || d.now == nil {
			continue
		}
		passed := rate(d.before.Bytes, d.now.Bytes, n.at.Sub(n.beforeAt))
		most = most.or(share{d.what, bytesPerSecond, passed * payload, float64(d.now.Rate)})
	}
	s.checkShare(sv, "network", most)
}

// payload is the part of the bytes on the wire that is TCP's in full packets,
// see docs/network-shaping.md.
const payload = 1448.0 / 1514.0

// checkShare warns of the limit of which the largest part is used. Without any
// limit there is nothing to be near to.
func (s *Supervisor) checkShare(sv *service, what string, most *share) {
	if most == nil {
		s.raise(sv, &Alert{Kind: what + nearLimit, Status: resolved, message: what + nearLimit + " is over: there is no limit any more"})
		return
	}
	amount := fmt.Sprintf("%.0f of %.0f %s", most.used, most.limit, most.unit)
	if most.unit == bytesPerSecond {
		amount = size(uint64(most.used)) + "/s of " + size(uint64(most.limit)) + "/s"
	}
	s.compare(sv, float64(*s.monitor.AlertAt), &Alert{
		Kind: what + nearLimit, Severity: severityWarning, Value: most.used, Limit: most.limit, Unit: most.unit,
		message: fmt.Sprintf("%s near its limit: %s %s (%.0f %%)", what, most.what, amount, 100*most.used/most.limit),
	})
}
