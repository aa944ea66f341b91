// Package metrics tells what is known of the services in Prometheus's terms. It
// knows names and units, and neither reads nor decides anything but the
// figures of its own process.
//
// What is not known is absent, never zero.
package metrics

import (
	"strconv"
	"time"

	"blackhole/internal/exposition"
	"blackhole/runtime/stats"
)

// Snapshot is all services at one time.
type Snapshot struct {
	Version, Commit string // of this program
	Interval        time.Duration
	States          []string    // a service may be in
	Alerts          []AlertKind // a service may have
	Services        []Service
}

// AlertKind is one kind of alert.
type AlertKind struct{ Kind, Severity string }

// Service is one service.
type Service struct {
	Name     string
	State    string
	Restarts uint64
	OOMKills uint64
	Healthy  *bool             // nil without a health check, or while nothing runs
	Started  time.Time         // its program; zero while nothing runs
	Ended    time.Time         // its program before; zero if there was none
	ExitCode int               // of that; -1 if nobody saw it
	Raised   map[string]uint64 // alerts, by kind
	Firing   map[string]bool   // by kind

	// What follows is of the last sample, nil while nothing runs.
	Sampled    time.Time
	Stats      *stats.Stats // but the network
	Network    *stats.Network
	Limits     *stats.Limits
	WorkingSet *uint64 // memory in bytes that the kernel cannot simply drop
}

// perService is about how many bytes one service takes.
const perService = 8 << 10

// Page writes a snapshot.
func Page(s *Snapshot) []byte {
	var w exposition.Writer
	w.Grow((len(s.Services) + 1) * perService)
	k := &sink{w: &w}
	for _, m := range all() {
		w.Begin(&m.Family)
		if m.once != nil {
			m.once(k, s)
			continue
		}
		for i := range s.Services {
			k.service = s.Services[i].Name
			m.each(k, &s.Services[i], s)
		}
		k.service = ""
	}
	ownPage(&w)
	return w.Page()
}

// metric is a family and how its series come about: once, or for each service.
type metric struct {
	exposition.Family
	once func(*sink, *Snapshot)
	each func(*sink, *Service, *Snapshot)
}

// sink writes the series of one service.
type sink struct {
	w       *exposition.Writer
	service string
	labels  []string // kept for the next
}

// value writes a figure; labels are those after service.
func (k *sink) value(v float64, labels ...string) {
	k.labels = k.labels[:0]
	if k.service != "" {
		k.labels = append(k.labels, k.service)
	}
	k.labels = append(k.labels, labels...)
	k.w.Sample(v, k.labels...)
}

// figure writes one that may be absent.
func (k *sink) figure(v *uint64, labels ...string) {
	if v != nil {
		k.value(float64(*v), labels...)
	}
}

// seconds writes nanoseconds that may be absent. It divides, for a factor of 1e-9
// is not exact.
func (k *sink) seconds(ns *uint64, labels ...string) {
	if ns != nil {
		k.value(float64(*ns)/1e9, labels...)
	}
}

func (k *sink) time(t time.Time, labels ...string) {
	if !t.IsZero() {
		k.value(float64(t.UnixMilli())/1e3, labels...)
	}
}

func (k *sink) truth(is bool, labels ...string) {
	v := 0.0
	if is {
		v = 1
	}
	k.value(v, labels...)
}

// The parts of what a service uses; empty where there is none.

func (s *Service) cpu() (c stats.CPU) {
	if s.Stats != nil && s.Stats.CPU != nil {
		c = *s.Stats.CPU
	}
	return c
}

func (s *Service) memory() (m stats.Memory) {
	if s.Stats != nil && s.Stats.Memory != nil {
		m = *s.Stats.Memory
	}
	return m
}

func (s *Service) io() (o stats.IO) {
	if s.Stats != nil && s.Stats.IO != nil {
		o = *s.Stats.IO
	}
	return o
}

func (s *Service) pids() (p stats.Pids) {
	if s.Stats != nil && s.Stats.Pids != nil {
		p = *s.Stats.Pids
	}
	return p
}

// disk is a device's label: its name, or numbers where it has none.
func disk(name string, major, minor uint64) string {
	if name != "" {
		return name
	}
	return strconv.FormatUint(major, 10) + ":" + strconv.FormatUint(minor, 10)
}
