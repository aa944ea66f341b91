// Package doctor says what keeps services from running well: what a host lacks,
// and from a service's own figures why it is in trouble. It changes nothing;
// who knows the services hands it their figures.
package doctor

import (
	"fmt"
	"math"
	"time"

	"blackhole/runtime/stats"
	"blackhole/spec"
)

// Facts is what is known of a service. What is not known is its zero value.
type Facts struct {
	Name   string
	Config *spec.Config // nil: not known
	Now    time.Time

	State       string // as the supervisor has it, or the runtime's
	Reason      string // of the state
	Health      string // unhealthy, healthy, or empty
	HealthError string
	Waiting     []string // for these services: "db is failed"
	Exit        *Exit    // the last
	Output      []string // its last lines, where it has failed
	Events      []Event  // of the last day, the oldest first

	// Two readings of what it uses, and the time between; nil while it does not run.
	Before, After *stats.Stats
	Between       time.Duration
	PidsHit       uint64   // forks that pids.limit refused (pids.events)
	Full          []Folder // folders that it may write to
	Denied        []Denial // by seccomp
}

// Exit is how its program ended.
type Exit struct {
	Code int // 128+n after signal n, -1 unknown
	OOM  bool
}

// Event is a line of the event log.
type Event struct {
	Time   time.Time
	State  string // of a change of state
	Alert  string // kind of an alert that began
	Cgroup string // whose memory limit an out-of-memory kill comes from
}

// Folder is a file system's room, in bytes.
type Folder struct {
	Path        string
	Free, Total uint64
}

// Trouble is one thing that is wrong with a service.
type Trouble struct {
	Kind    string             `json:"kind"`
	Message string             `json:"message"` // with the figures
	Figures map[string]float64 `json:"figures,omitempty"`
	Advice  string             `json:"advice"`
	// Where the setting is that would help, or where it belongs; empty if none would.
	Path   string `json:"path,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// The kinds of trouble.
const (
	OutOfMemory   = "out_of_memory"
	MemorySlowed  = "memory_slowed"
	MemoryNear    = "memory_near_limit"
	CPUThrottled  = "cpu_throttled"
	CPUStarved    = "cpu_starved"
	IOLimited     = "io_limited"
	IOBound       = "io_bound"
	FDsUsedUp     = "fds_used_up"
	PidsUsedUp    = "pids_used_up"
	NetworkBound  = "network_limited"
	SeccompDenied = "seccomp_denied"
	DiskFull      = "disk_full"
	NotHealthy    = "unhealthy"
	CrashLoop     = "crash_loop"
	Failed        = "failed"
	DoesNotStart  = "does_not_start"
	Waits         = "waiting"
)

// Diagnose finds what is wrong with a service, causes before what follows from
// them.
func Diagnose(f *Facts) []Trouble {
	d := &diagnosis{Facts: f}
	if f.Config != nil {
		d.service, _ = f.Config.Service(f.Name) // not configured is not known
	}
	if d.service == nil {
		d.service = &spec.Service{}
	}
	d.memory()
	d.cpu()
	d.disk()
	d.descriptors()
	d.processes()
	d.network()
	d.seccomp()
	d.life()
	return d.found
}

// diagnosis holds one under way.
type diagnosis struct {
	*Facts
	service *spec.Service // defaults merged in; empty where it is not configured
	found   []Trouble
}

// tell adds a trouble, at the first of the keys that is written, else at the
// first; without keys no setting would help.
func (d *diagnosis) tell(t Trouble, keys ...string) {
	for _, key := range keys {
		if d.Config == nil || d.Config.Services[d.Name] == nil {
			t.Path = key
			break
		}
		path, at, set := d.Config.Written(d.Name, key)
		if set || t.Path == "" {
			t.Path, t.File, t.Line, t.Column = path, at.File, at.Line, at.Column
		}
		if set {
			break
		}
	}
	for name, v := range t.Figures {
		t.Figures[name] = math.Round(v*1000) / 1000
	}
	d.found = append(d.found, t)
}

// count tells how often something happened in a time that ends now, and when last.
// What is yet to come was written while the clock was ahead: it would count for as
// long as it was.
func (d *diagnosis) count(within time.Duration, is func(e *Event) bool) (n int, last time.Time) {
	for i := range d.Events {
		if e := &d.Events[i]; !e.Time.Before(d.Now.Add(-within)) && e.Time.Before(d.Now.Add(time.Minute)) && is(e) {
			n, last = n+1, e.Time
		}
	}
	return n, last
}

const day = 24 * time.Hour

// ago is a time before now, for people.
func (d *diagnosis) ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(", the last %s ago", max(0, d.Now.Sub(t)).Round(time.Second))
}

// times is a number of times in words.
func times[T int | uint64](n T) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// rise is how far a counter rose between the two readings.
func (d *diagnosis) rise(of func(s *stats.Stats) *uint64) (uint64, bool) {
	if d.Before == nil || d.After == nil {
		return 0, false
	}
	a, b := of(d.Before), of(d.After)
	if a == nil || b == nil || *b < *a {
		return 0, false
	}
	return *b - *a, true
}

// perSecond is a rise as a rate.
func (d *diagnosis) perSecond(of func(s *stats.Stats) *uint64) float64 {
	n, ok := d.rise(of)
	if !ok || d.Between <= 0 {
		return 0
	}
	return float64(n) / d.Between.Seconds()
}

// stalled is the share of the last ten seconds, in percent, in which some task
// waited; 0 where nobody counts.
func stalled(p *stats.Pressure) float64 {
	if p == nil || p.Some == nil {
		return 0
	}
	return p.Some.Avg10
}
