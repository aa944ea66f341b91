package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"blackhole/runtime/stats"
)

// usage is what one life of a service was seen to use.
type usage struct {
	now, before  *stats.Stats // the last two samples
	at, beforeAt time.Time
	levels       []oomLevel
	oomKills     uint64    // those that were told
	memory       uint64    // at the last sample, without file pages
	oomAt        time.Time // when the last was
	throttled    time.Time // throttled on end since; zero: it is not
	sampling     bool      // a sample of its own is under way
	again        bool      // asked for meanwhile

	limits   *stats.Limits // nil until they are read
	limitsAt time.Time
	network  traffic
	guard    uint64 // memory.high that we have set; 0: none, or not ours
	highs    uint64 // times that memory.high was passed, at the last sample
}

func (s *Supervisor) openWatcher() (err error) {
	s.watcher, err = newWatcher(func(service string) { s.post(func() { s.sampleSoon(service) }) })
	return err
}

// watch begins to watch a service that runs.
func (s *Supervisor) watch(sv *service, r *running) {
	sv.usage = &usage{levels: r.levels, oomKills: r.oomKills}
	if st, err := stats.Read(stats.Source{Cgroups: sv.cgroups}); err == nil {
		sv.usage.now, sv.usage.at = st, time.Now()
	}
	critical := uint64(0)
	if limit := sv.spec.Resources.Memory.Limit; limit != nil && *s.monitor.MemoryCritical < 1 {
		critical = uint64(float64(*limit) * float64(*s.monitor.MemoryCritical))
	}
	if err := s.watcher.add(sv.name, sv.cgroups, critical); err != nil {
		s.warn(sv, fmt.Errorf("its memory is watched by samples alone: %w", err))
	}
}

// unwatch: a service's program is gone, and with it the causes of its alerts.
func (s *Supervisor) unwatch(sv *service) {
	s.watcher.remove(sv.name)
	sv.usage = nil
	for _, a := range sv.firing {
		if !a.outlives() {
			s.raise(sv, a.resolved("it has ended"))
		}
	}
}

// target is what a sample is taken of.
type target struct {
	name    string
	run     uint64
	cgroups map[string]string
	more    more
}

// sampleAll takes a sample of every service, one after the other and beside the
// loop.
func (s *Supervisor) sampleAll() {
	if s.sampling {
		return // the one before is not done: the host is short of more than we know
	}
	s.sampling = true
	var targets []target
	for _, sv := range s.services {
		if sv.alive {
			targets = append(targets, target{sv.name, sv.run, sv.cgroups, sv.more()})
		}
	}
	go func() {
		for _, t := range targets {
			s.sample(t)
		}
		s.sampleMore(targets)
		s.post(func() { s.sampling = false })
	}()
}

// sampleSoon takes a sample of one service, because the kernel told something.
// It may tell a hundred times a second; so often is not looked.
func (s *Supervisor) sampleSoon(name string) {
	sv := s.services[name]
	if sv == nil || !sv.alive || sv.usage == nil {
		return
	}
	if sv.usage.sampling {
		sv.usage.again = true
		return
	}
	sv.usage.sampling = true
	t, u := target{name: sv.name, run: sv.run, cgroups: sv.cgroups}, sv.usage
	go func() {
		s.sample(t)
		time.Sleep(sampleGap)
		s.post(func() {
			again := u.again
			u.sampling, u.again = false, false
			if again {
				s.sampleSoon(name)
			}
		})
	}()
}

// sampleGap is the least time between two samples that the kernel asks for.
const sampleGap = 200 * time.Millisecond

func (s *Supervisor) sample(t target) {
	st, err := stats.Read(stats.Source{Cgroups: t.cgroups})
	at := time.Now() // of what rates are made of
	levels := oomLevels(t.cgroups)
	s.post(func() {
		sv := s.services[t.name]
		switch {
		case sv == nil || !s.awaits(sv, t.run):
		case err != nil:
			s.warn(sv, fmt.Errorf("cannot read what it uses: %w", err))
		default:
			s.sampled(sv, st, levels, at)
		}
	})
}

// oomLevel is how often the limit of one cgroup made the kernel look for a
// process to kill.
type oomLevel struct {
	path string
	hits uint64
	full bool // v1: it was at its limit at some time
}

// oomLevels reads the counters of a service's cgroup and of those above it, the
// service's own first: an out-of-memory kill in it may come from a limit of any of
// them, and if none counted one, from the host as a whole.
//
// memory.events.local counts for the cgroup whose limit it was (kernel 5.2);
// v1 has but failcnt, which also counts where reclaim was enough, another of
// memory and swap together, and kernels that count in neither: there it is the
// first cgroup that was full.
func oomLevels(cgroups map[string]string) []oomLevel {
	files, key := []string{"memory.failcnt", "memory.memsw.failcnt"}, ""
	dir, v2 := memoryCgroup(cgroups)
	if v2 {
		files, key = []string{"memory.events.local"}, "oom"
	}
	var levels []oomLevel
	for ; dir != "" && dir != "/"; dir = filepath.Dir(dir) {
		level, found := oomLevel{path: dir}, false
		for _, file := range files {
			if data, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
				level.hits += counter(string(data), key)
				found = true
			}
		}
		if !found {
			break // above the hierarchy's root, which has no counters itself
		}
		if !v2 {
			limit, peak := number(dir, "memory.limit_in_bytes"), number(dir, "memory.max_usage_in_bytes")
			level.full = limit < noLimit && peak >= limit/100*98
		}
		levels = append(levels, level)
	}
	return levels
}

// memoryCgroup is the folder that holds a service's memory limit, and whether it
// is of cgroup v2. On a host with both kinds of hierarchies memory is on one.
func memoryCgroup(cgroups map[string]string) (dir string, v2 bool) {
	if dir, ok := cgroups["memory"]; ok {
		return dir, false
	}
	return cgroups[""], true
}

// number reads a file of one number, 0 if it is not there.
func number(dir, name string) uint64 {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	return counter(string(data), "")
}

// counter reads one number of a file, behind a key if there is one.
func counter(text, key string) uint64 {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if key != "" && len(fields) == 2 && fields[0] == key {
			fields = fields[1:]
		}
		if len(fields) == 1 {
			if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
				return n
			}
		}
	}
	return 0
}

// oomCause names the cgroup whose limit was hit between two readings.
func oomCause(before, now []oomLevel) string {
	for _, l := range now {
		hits := uint64(0)
		for _, b := range before {
			if b.path == l.path {
				hits = b.hits
			}
		}
		if l.hits > hits {
			return l.path
		}
	}
	for _, l := range now {
		if l.full {
			return l.path
		}
	}
	return ""
}

func oomKills(st *stats.Stats) uint64 {
	if st == nil || st.Memory == nil || st.Memory.Events == nil || st.Memory.Events.OOMKill == nil {
		return 0
	}
	return *st.Memory.Events.OOMKill
}

// checkOOM tells whether the kernel killed a process of a service since the last
// look, and raises the alert.
func (s *Supervisor) checkOOM(sv *service, st *stats.Stats, levels []oomLevel) bool {
	u := sv.usage
	if u == nil {
		return false
	}
	kills := oomKills(st)
	if kills <= u.oomKills {
		// The levels stay: v1 counts hits of a limit from long before a kill.
		return false
	}
	cause := oomCause(u.levels, levels)
	sv.oomKills += kills - u.oomKills
	s.raise(sv, oomAlert(sv, kills-u.oomKills, cause))
	u.oomKills, u.levels, u.oomAt = kills, levels, time.Now()
	return true
}
