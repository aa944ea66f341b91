package supervisor

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/bundle"
	"blackhole/runtime"
	"blackhole/spec"
)

// settle lets a service of which nothing runs take over its configuration. One
// that runs keeps what it was started with until it has ended, its stop signal
// for one.
func (s *Supervisor) settle(sv *service) {
	if sv.read != sv.config && !sv.active() {
		s.reconfigure(sv)
	}
}

// reconfigure takes over what the supervisor itself acts by.
func (s *Supervisor) reconfigure(sv *service) {
	effective, err := sv.config.Service(sv.name)
	if err != nil {
		return // the plan was made of it
	}
	check := sv.spec.HealthCheck
	sv.read = sv.config
	sv.configure(effective)
	sv.log.resize(int64(*effective.Logs.MaxSize), *effective.Logs.MaxFiles)
	if reflect.DeepEqual(check, effective.HealthCheck) {
		return
	}
	s.endCheck(sv)
	sv.lastCheck = ""
	s.event(sv, func() action { return sv.checkChanged(time.Now()) })
	if sv.alive {
		s.startCheck(sv)
	}
}

// fit brings a container that runs to its service's configuration, which differs
// in nothing but limits and bandwidth, beside the loop.
func (s *Supervisor) fit(sv *service) {
	if !sv.alive || sv.fitting || sv.made == sv.config || sv.state == Stopping || sv.wantsRestart || sv.unfit != "" {
		return
	}
	sv.fitting = true
	critical := float64(*s.monitor.MemoryCritical)
	name, run, was, is := sv.name, sv.run, sv.made, sv.config
	s.work.Go(func() {
		notes, err := s.refit(name, is, critical)
		s.post(func() {
			sv.fitting, s.dirty = false, true
			if sv.run != run || !sv.alive {
				return // it has ended, and is made of the new configuration if it is started again
			}
			if err == nil {
				sv.made, sv.warnings = is, notes
				s.rewatch(sv)
				s.limitsChanged(sv)
				s.fit(sv) // to what came meanwhile
				return
			}
			s.warn(sv, err)
			sv.unfit = oneLine(err)
			if sv.config == is && was != nil {
				sv.config = was
				s.reconfigure(sv)
				s.saveApplied()
			}
		})
	})
}

// goOn finishes what a supervisor that was killed had begun to apply to a service.
func (s *Supervisor) goOn(sv *service) {
	name, run, config := sv.name, sv.run, sv.config
	sv.made, sv.fitting = nil, true // its bundle tells
	s.work.Go(func() {
		restart := false
		old, err := s.bundleOf(name)
		if err == nil {
			var is bundle.Contents
			if is, _, err = s.o.Bundle(config, name); err == nil {
				restart, err = fixedDiffer(bundle.Contents{Config: old}, bundle.Contents{Config: is.Config})
			}
		}
		s.post(func() {
			sv.fitting = false
			switch {
			case err != nil:
				s.warn(sv, fmt.Errorf("cannot go on to apply its configuration: %w", err))
			case sv.run != run || !sv.alive:
			case restart:
				sv.wantsRestart = true
			default:
				s.fit(sv)
			}
		})
	})
}

// bundleOf reads the bundle that a service's container was made from, as it was
// written.
func (s *Supervisor) bundleOf(name string) (*specs.Spec, error) {
	dir := s.o.Paths.bundle(name)
	config, err := bundle.Load(dir)
	if err == nil && config.Root.Path == filepath.Join(dir, bundle.RootfsName) {
		config.Root.Path = bundle.RootfsName
	}
	return config, err
}

// refit changes a container in place, from what its bundle says; when it fails,
// all is as it was.
func (s *Supervisor) refit(name string, is *spec.Config, critical float64) (notes []string, err error) {
	config, err := s.bundleOf(name)
	if err != nil {
		return nil, err
	}
	old := bundle.Contents{Config: config}
	contents, notes, err := s.o.Bundle(is, name)
	if err != nil {
		return nil, err
	}
	guard(contents.Config, critical)
	undo, err := s.shape(name, old, contents)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, undo())
		}
	}()
	if u := runtime.Difference(old.Config.Linux.Resources, contents.Config.Linux.Resources); !u.Empty() {
		if err := s.o.Runtime.Update(name, u); err != nil {
			return nil, err
		}
		undoShape := undo
		undo = func() error {
			back := runtime.Difference(contents.Config.Linux.Resources, old.Config.Linux.Resources)
			return errors.Join(s.o.Runtime.Update(name, back), undoShape())
		}
	}
	return notes, bundle.Write(s.o.Paths.bundle(name), contents)
}

// shape changes the bandwidth of a service's network.
func (s *Supervisor) shape(name string, old, contents bundle.Contents) (undo func() error, err error) {
	undo = func() error { return nil }
	was, err := networkOf(old)
	if err != nil {
		return nil, err
	}
	is, err := networkOf(contents)
	if err != nil || reflect.DeepEqual(was, is) {
		return undo, err
	}
	if err := s.o.Shape(name, is); err != nil {
		return nil, err
	}
	return func() error { return s.o.Shape(name, was) }, nil
}

// limitsChanged ends the alerts that were about limits that are no more; a
// sample raises those that are still true.
func (s *Supervisor) limitsChanged(sv *service) {
	for kind, a := range sv.firing {
		if strings.HasSuffix(kind, nearLimit) || kind == CPUThrottled {
			s.raise(sv, a.resolved("its limits were changed"))
		}
	}
	if sv.usage != nil {
		sv.usage.throttled = time.Time{}
	}
	s.sampleSoon(sv.name) // one that sleeps is not looked at else
}

// blocked names a service that runs still and has something that the
// configuration gives to this one now, such as a published port; or nothing.
func (s *Supervisor) blocked(sv *service) string {
	for _, other := range s.all() {
		has := other.has()
		if other == sv || has == nil || has == sv.config {
			continue
		}
		if spec.Conflict(sv.config, sv.name, has, other.name) != "" {
			return other.name
		}
	}
	return ""
}

// whyBlocked is for people.
func (s *Supervisor) whyBlocked(sv *service, by string) string {
	other := s.services[by]
	what := spec.Conflict(sv.config, sv.name, other.has(), other.name)
	return fmt.Sprintf("for %s of %s, which is %s", what, by, other.state)
}
