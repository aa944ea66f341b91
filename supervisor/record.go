package supervisor

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"blackhole/history"
	"blackhole/internal/fileversion"
	"blackhole/runtime/stats"
)

// recordEvery is how often the hours under way are written: a crash loses as
// much. All services' are one file, so it costs one fsync.
const recordEvery = time.Minute

// maxGap bounds what one sample stands for: after a suspended host, or a sample
// that failed, nobody knows what was before it.
const maxGap = time.Minute

// History is where what services used is recorded.
func (p Paths) History() history.Store { return history.Store{Dir: filepath.Join(p.Logs, "usage")} }

// record is what services used in the hours under way. It belongs to the loop;
// the files are written beside it, by one writer at a time.
type record struct {
	hours   map[string]*history.Hour
	over    []pastHour // to be written
	saved   time.Time
	changed bool
	saving  chan struct{} // nil: nothing is written
}

type pastHour struct {
	service string
	hour    *history.Hour
}

// keep is how long records are kept; 0: there are none.
func (s *Supervisor) keep() time.Duration { return time.Duration(*s.monitor.History) }

// openRecord goes on where the supervisor before this one stopped. A file that
// cannot be read is set aside: the record is not worth a start that fails.
func (s *Supervisor) openRecord() {
	s.record = record{hours: map[string]*history.Hour{}, saved: time.Now()}
	if s.keep() == 0 {
		return
	}
	store := s.o.Paths.History()
	hours, err := store.Current()
	if errors.Is(err, history.ErrCorrupt) {
		err = setAside(store, "", err)
	}
	if err != nil {
		s.warn(nil, err)
	}
	if errors.Is(err, fileversion.ErrNewer) {
		s.record.hours = nil // nothing is recorded, so that nothing of it is lost
	} else if hours != nil {
		s.record.hours = hours
	}
}

func setAside(store history.Store, service string, cause error) error {
	path, err := store.SetAside(service)
	if err != nil {
		return errors.Join(cause, err)
	}
	return fmt.Errorf("cannot read the record of usage: %w; it is now %s, and a new one begins", cause, path)
}

// records: what was seen at a time is recorded. Before 1970-01-01 01:00 the clock is
// not set.
func (s *Supervisor) records(at time.Time) bool {
	return s.keep() != 0 && s.record.hours != nil && at.Unix() >= 3600
}

// hourOf is the hour of a service that holds a time; one before it is over, and so is
// one that a clock which was set back would make longer than an hour.
func (s *Supervisor) hourOf(sv *service, at time.Time) *history.Hour {
	h := s.record.hours[sv.name]
	if h == nil || h.Start != at.Truncate(time.Hour).Unix() || h.Seconds > (time.Hour+maxGap).Seconds() {
		if h != nil {
			s.record.over = append(s.record.over, pastHour{sv.name, h})
		}
		h = history.NewHour(at)
		s.record.hours[sv.name] = h
	}
	s.record.changed = true
	return h
}

// recordUse adds the last sample to the record. Rates are those since the one
// before, and without one there are none.
func (s *Supervisor) recordUse(sv *service) {
	u := sv.usage
	if !s.records(u.at) || u.before == nil || u.now == nil {
		return
	}
	took := u.at.Sub(u.beforeAt)
	if took <= 0 || took > maxGap {
		return
	}
	h := s.hourOf(sv, u.at)
	h.Seconds += took.Seconds()
	add := func(figure string, value float64) { h.Add(figure, value, took.Seconds(), u.at) }
	addLevels(add, u.now)
	if b, n := u.before.CPU, u.now.CPU; b != nil && n != nil {
		if b.UsageNS != nil && n.UsageNS != nil {
			add(history.CPU, rate(*b.UsageNS, *n.UsageNS, took)/1e9)
		}
		if b.Periods != nil && n.Periods != nil && b.ThrottledCount != nil && n.ThrottledCount != nil && *n.Periods >= *b.Periods {
			periods := *n.Periods - *b.Periods
			h.Periods += periods
			h.Throttled += min(periods, *n.ThrottledCount-min(*n.ThrottledCount, *b.ThrottledCount))
		}
	}
	addDisks(add, u.before.IO, u.now.IO, took)
	if h.Limits == nil {
		h.Limits = limitsOf(sv)
	}
}

// recordRest adds the time that a service slept: it held what it held, and did
// nothing.
func (s *Supervisor) recordRest(sv *service, since, at time.Time) {
	took := at.Sub(since)
	if !s.records(at) || sv.usage.now == nil || took <= 0 || took > maxGap {
		return
	}
	h := s.hourOf(sv, at)
	h.Seconds += took.Seconds()
	addLevels(func(figure string, value float64) { h.Add(figure, value, took.Seconds(), at) }, sv.usage.now)
}

// addLevels adds what is no rate.
func addLevels(add func(string, float64), st *stats.Stats) {
	if used, ok := working(st.Memory); ok {
		add(history.Memory, float64(used))
	}
	if st.Memory != nil && st.Memory.Swap != nil {
		add(history.Swap, float64(*st.Memory.Swap))
	}
	if st.Pids != nil && st.Pids.Current != nil {
		add(history.Pids, float64(*st.Pids.Current))
	}
	if st.FDs != nil {
		add(history.FDs, float64(st.FDs.Open))
	}
}

func addDisks(add func(string, float64), before, now *stats.IO, took time.Duration) {
	if before == nil || now == nil {
		return
	}
	for _, d := range now.Devices {
		if d.Name == "" {
			continue // a disk that is gone
		}
		old := stats.Device{} // a disk that was not used before is not listed
		for _, b := range before.Devices {
			if b.Major == d.Major && b.Minor == d.Minor {
				old = b
			}
		}
		for _, f := range []struct {
			figure      string
			before, now *uint64
		}{
			{history.ReadBPS, old.ReadBytes, d.ReadBytes},
			{history.WriteBPS, old.WriteBytes, d.WriteBytes},
			{history.ReadIOPS, old.ReadIOs, d.ReadIOs},
			{history.WriteIOPS, old.WriteIOs, d.WriteIOs},
		} {
			if f.now == nil {
				continue
			}
			was := uint64(0)
			if f.before != nil {
				was = *f.before
			}
			add(f.figure+"/"+d.Name, rate(was, *f.now, took))
		}
	}
}

// recordNetwork adds what was received and sent since the last reading.
func (s *Supervisor) recordNetwork(sv *service) {
	n := sv.usage.network
	took := n.at.Sub(n.beforeAt)
	if !s.records(n.at) || n.before == nil || took <= 0 || took > maxGap {
		return
	}
	h := s.hourOf(sv, n.at)
	h.Add(history.Ingress, rate(n.before.RxBytes, n.now.RxBytes, took), took.Seconds(), n.at)
	h.Add(history.Egress, rate(n.before.TxBytes, n.now.TxBytes, took), took.Seconds(), n.at)
}

// recordKills adds kills for want of memory: then all of the limit was used.
func (s *Supervisor) recordKills(sv *service, kills uint64, at time.Time) {
	if !s.records(at) {
		return
	}
	h := s.hourOf(sv, at)
	h.OOMKills += kills
	h.OOMAt = at.Unix()
	if limit := sv.spec.Resources.Memory.Limit; limit != nil {
		h.OOMLimit = max(h.OOMLimit, float64(*limit))
		h.Add(history.Memory, float64(*limit), 0, at)
	}
}

// limitsOf lists the limits that a service has, by figure.
func limitsOf(sv *service) map[string]float64 {
	limits := map[string]float64{}
	r := &sv.spec.Resources
	put(limits, history.CPU, r.CPU.Quota)
	put(limits, history.Memory, r.Memory.Limit)
	put(limits, history.Swap, r.Memory.Swap)
	put(limits, history.Pids, r.Pids.Limit)
	put(limits, history.FDs, r.FDs.Soft)
	put(limits, history.ReadBPS, r.IO.ReadBPS)
	put(limits, history.WriteBPS, r.IO.WriteBPS)
	put(limits, history.ReadIOPS, r.IO.ReadIOPS)
	put(limits, history.WriteIOPS, r.IO.WriteIOPS)
	put(limits, history.Ingress, r.Network.Bandwidth.IngressRate)
	put(limits, history.Egress, r.Network.Bandwidth.EgressRate)
	return limits
}

func put[T ~int64 | ~uint64 | ~float64](limits map[string]float64, figure string, limit *T) {
	if limit != nil && *limit > 0 {
		limits[figure] = float64(*limit)
	}
}

// saveRecord writes the record when it is time, beside the loop.
func (s *Supervisor) saveRecord(now time.Time) {
	if s.record.saving != nil || now.Sub(s.record.saved) < recordEvery {
		return
	}
	write := s.recordWriter(now)
	if write == nil {
		return
	}
	done := make(chan struct{})
	s.record.saving = done
	go func() {
		err := write()
		close(done)
		s.post(func() {
			s.record.saving = nil
			if err != nil {
				s.warn(nil, err)
			}
		})
	}()
}

// closeRecord writes what is left, at the end of the supervisor.
func (s *Supervisor) closeRecord() {
	if s.record.saving != nil {
		<-s.record.saving
	}
	if write := s.recordWriter(time.Now()); write != nil {
		if err := write(); err != nil {
			s.warn(nil, err)
		}
	}
}

// recordWriter takes a copy of what is to be written; nil: there is nothing.
func (s *Supervisor) recordWriter(now time.Time) func() error {
	keep := s.keep()
	if keep == 0 || !s.record.changed {
		return nil
	}
	for name, h := range s.record.hours { // of services that do not run any more
		if h.Start != now.Truncate(time.Hour).Unix() {
			s.record.over = append(s.record.over, pastHour{name, h})
			delete(s.record.hours, name)
		}
	}
	hours := make(map[string]*history.Hour, len(s.record.hours))
	for name, h := range s.record.hours {
		if sv := s.services[name]; sv != nil {
			h.Limits = limitsOf(sv) // an apply may have changed them
		}
		hours[name] = h.Clone()
	}
	over := s.record.over
	s.record.over, s.record.saved = nil, now
	s.record.changed = len(hours) > 0
	store := s.o.Paths.History()
	return func() error { return writeRecord(store, over, hours, keep, now) }
}

// writeRecord writes the hours that are over first: where it is cut off, they
// are still in the file of those under way.
func writeRecord(store history.Store, over []pastHour, hours map[string]*history.Hour, keep time.Duration, now time.Time) error {
	var errs []error
	for _, p := range over {
		err := store.Append(p.service, p.hour, keep)
		if errors.Is(err, history.ErrCorrupt) {
			errs = append(errs, setAside(store, p.service, err))
			err = store.Append(p.service, p.hour, keep)
		}
		errs = append(errs, err)
	}
	if len(over) > 0 {
		errs = append(errs, store.Prune(now.Add(-keep)))
	}
	if err := errors.Join(append(errs, store.SaveCurrent(hours))...); err != nil {
		return fmt.Errorf("cannot record what services use: %w", err)
	}
	return nil
}
