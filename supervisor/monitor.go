package supervisor

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/runtime/stats"
)

// usage is what one life of a service was seen to use.
type usage struct {
	sampler      *stats.Sampler
	now, before  *stats.Stats // the last two samples
	at, beforeAt time.Time
	levels       []oomLevel
	oomKills     uint64    // those that were told
	memory       uint64    // at the last sample, without file pages
	oomAt        time.Time // when the last was
	throttled    time.Time // throttled on end since; zero: it is not
	rested       uint      // samples left out on end, see rests
	sampling     bool      // a sample of its own is under way
	again        bool      // asked for meanwhile

	limits   *stats.Limits // nil until they are read
	limitsAt time.Time     // when they were asked for
	limited  time.Time     // when the last reading with all limits was
	changed  time.Time     // what was read before does not know the limits
	network  traffic
	guard    uint64 // memory.high that we have set; 0: none, or not ours
	highs    uint64 // times that memory.high was passed, at the last sample
}

func (s *Supervisor) openWatcher() (err error) {
	s.watcher, err = newWatcher(
		func(service string) { s.post(func() { s.sampleSoon(service) }) },
		func(service string) { s.post(func() { s.updated(service) }) })
	return err
}

// watch begins to watch a service that runs.
func (s *Supervisor) watch(sv *service, r *running) {
	sampler := stats.NewSampler(stats.Source{Cgroups: sv.cgroups}, s.mayKeepFiles())
	sv.usage = &usage{sampler: sampler, levels: r.levels, oomKills: r.oomKills}
	if st, err := sampler.Read(); err == nil {
		sv.usage.now, sv.usage.at = st, time.Now()
		sv.usage.limited = sv.usage.at
	}
	s.rewatch(sv)
}

// rewatch asks the kernel to tell of a service's memory, by its limit now.
func (s *Supervisor) rewatch(sv *service) {
	s.watcher.remove(sv.name)
	critical := uint64(0)
	if limit := sv.spec.Resources.Memory.Limit; limit != nil && *s.monitor.MemoryCritical < 1 {
		critical = uint64(float64(*limit) * float64(*s.monitor.MemoryCritical))
	}
	if err := s.watcher.add(sv.name, s.o.Paths.container(sv.name), sv.cgroups, critical); err != nil {
		s.warn(sv, fmt.Errorf("its memory is watched by samples alone: %w", err))
	}
}

// updated: somebody has changed the limits of a service, or paused it.
func (s *Supervisor) updated(name string) {
	if sv := s.services[name]; sv != nil && sv.usage != nil {
		sv.usage.changed = time.Now().Add(time.Second) // an update may have some more to write
		s.sampleSoon(name)
	}
}

// unwatch: a service's program is gone, and with it the causes of its alerts.
func (s *Supervisor) unwatch(sv *service) {
	s.watcher.remove(sv.name)
	if sv.usage != nil {
		sv.usage.sampler.Close()
	}
	sv.usage = nil
	for _, a := range sv.firing {
		if !a.outlives() {
			s.raise(sv, a.resolved("it has ended"))
		}
	}
}

// filesKept is how many files a sampler keeps open at most, and some more.
const filesKept = 40

// mayKeepFiles: this process may have so many files open that the samplers can
// keep theirs, and half of that number is left for all the rest.
func (s *Supervisor) mayKeepFiles() bool {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return err == nil && uint64(len(s.services))*filesKept <= limit.Cur/2
}

// reading is a sample of a service, or is to become one.
type reading struct {
	name     string
	run      uint64
	sampler  *stats.Sampler
	cgroups  map[string]string
	oomKills uint64  // that are known
	whole    bool    // more than alerts and the record are made of: metrics
	limited  bool    // all limits, or else the last ones stand
	calm     bool    // without an alert
	near     float64 // the part of its memory limit below which there is none
	mayRest  bool
	more     more
	begun    time.Time
	before   *stats.Stats

	rested    bool // nothing was read but that it slept
	stats     *stats.Stats
	levels    []oomLevel // after a new kill
	err       error
	at        time.Time
	limits    *stats.Limits // nil: not read
	limitsErr error
}

func (s *Supervisor) reading(sv *service) *reading {
	return &reading{
		name: sv.name, run: sv.run, sampler: sv.usage.sampler, cgroups: sv.cgroups, oomKills: sv.usage.oomKills,
		whole: s.o.Metrics != "", limited: true, begun: time.Now(), before: sv.usage.now,
	}
}

// routine is the reading of a round: no more than is due.
func (s *Supervisor) routine(sv *service) *reading {
	r, u := s.reading(sv), sv.usage
	r.limited = u.due(u.limited, r.begun)
	r.calm = len(sv.firing) == 0 // an alert needs a sample for its end
	r.mayRest = r.calm && u.rested < maxRest
	if r.calm {
		r.near = calm * float64(min(*s.monitor.AlertAt, *s.monitor.MemoryCritical))
	}
	r.more = s.more(sv, r.begun)
	return r
}

// maxRest is how many samples on end may be left out of a service that sleeps;
// then it is looked at whatever it does, for what others did to it.
const maxRest = 11

// sampleAll takes a sample of every service, one after the other and beside the
// loop, which gets them all at once: to wake it costs more than a sample.
func (s *Supervisor) sampleAll() {
	if s.sampling {
		return // the one before is not done: the host is short of more than we know
	}
	var all []*reading
	for _, sv := range s.services {
		if sv.alive && sv.usage != nil {
			all = append(all, s.routine(sv))
		}
	}
	if len(all) == 0 {
		return
	}
	s.sampling = true
	go func() {
		for _, r := range all {
			r.take()
		}
		s.sampleMore(all)
		s.post(func() {
			s.sampling = false
			for _, r := range all {
				s.taken(r)
			}
		})
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
	r, u := s.reading(sv), sv.usage
	go func() {
		r.take()
		s.post(func() { s.taken(r) })
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

// take reads what the service uses. What its cgroups tell of the cause of a kill
// is read only after one: on v1 it is most of what there is to read.
func (r *reading) take() {
	asleep := r.calm && r.sampler.Asleep()
	switch {
	case asleep && r.mayRest:
		r.rested, r.at = true, time.Now()
		return
	case asleep:
		r.limited = false
		r.stats, r.err = r.sampler.Resting()
	case r.whole:
		r.stats, r.err = r.sampler.Read()
	case r.limited:
		r.stats, r.err = r.sampler.Limited()
	default:
		r.stats, r.err = r.sampler.Brief(r.near)
	}
	if oomKills(r.stats) > r.oomKills {
		r.levels = oomLevels(r.cgroups)
	}
	r.at = time.Now()
}

// taken: there is a new sample.
func (s *Supervisor) taken(r *reading) {
	sv := s.services[r.name]
	switch {
	case sv == nil || !s.awaits(sv, r.run):
	case r.rested:
		sv.usage.rested++
		if r.at.After(sv.usage.at) {
			s.recordRest(sv, sv.usage.at, r.at)
			sv.usage.at = r.at // its counters stand where they stood: rates count from now
		}
	case r.err != nil:
		s.warn(sv, fmt.Errorf("cannot read what it uses: %w", r.err))
	default:
		sv.usage.rested = 0
		if r.limited {
			sv.usage.limited = r.begun
		}
		s.limitsRead(sv, r)
		s.sampled(sv, r.stats, r.levels, r.at)
	}
}
