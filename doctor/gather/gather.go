// Package gather collects the facts that package doctor judges: from the services'
// supervisor if there is one, else from their containers.
package gather

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"blackhole/doctor"
	"blackhole/netstats"
	"blackhole/runtime"
	"blackhole/spec"
	"blackhole/spec/host"
	"blackhole/supervisor"
)

// Gatherer says where the facts are. Paths and Runtime must be set.
type Gatherer struct {
	Config  *spec.Config // nil: there is none
	Paths   supervisor.Paths
	Runtime *runtime.Runtime
	Names   []string // of services and containers; none: all
}

// Host looks at the host.
func (g *Gatherer) Host() ([]doctor.Check, error) {
	h := doctor.Host{Spec: host.New(), Cgroup: *new(spec.Config).EffectiveIsolation().Cgroup.RootPath, State: g.Paths.Root, Logs: g.Paths.Logs}
	if g.Config != nil {
		h.Cgroup = *g.Config.EffectiveIsolation().Cgroup.RootPath
	}
	states, err := g.containers()
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		h.Known = append(h.Known, s.ID)
	}
	// A service that is started just now is not listed yet.
	if reply, err := g.Paths.Ask(supervisor.Request{Method: "status"}); err == nil {
		for _, s := range reply.Services {
			h.Known = append(h.Known, s.Name)
		}
	}
	return h.Check(), nil
}

// containers are all of the state folder; none without one.
func (g *Gatherer) containers() ([]runtime.State, error) {
	states, err := g.Runtime.List()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return states, err
}

// Services takes two readings of each service, and tells of how many before it
// waits for the second.
func (g *Gatherer) Services(between time.Duration, waits func(services int)) ([]*doctor.Facts, error) {
	before, err := g.statuses()
	if err != nil {
		return nil, err
	}
	for i := range before {
		addNetwork(&before[i])
	}
	start := time.Now()
	if slices.ContainsFunc(before, func(s supervisor.ServiceStatus) bool { return s.Stats != nil }) {
		waits(len(before))
		time.Sleep(between)
	}
	after, err := g.statuses()
	if err != nil {
		return nil, err
	}
	between = time.Since(start)
	facts := []*doctor.Facts{}
	for i := range after {
		s := &after[i]
		addNetwork(s)
		f := g.facts(s, after)
		for j := range before {
			// Of another life of it the figures began anew.
			if b := &before[j]; b.Name == s.Name && b.Pid == s.Pid {
				f.Before, f.Between = b.Stats, between.Round(10*time.Millisecond)
			}
		}
		facts = append(facts, f)
	}
	return facts, g.history(facts, after)
}

// statuses tells of the services that were asked for, sorted by name.
func (g *Gatherer) statuses() ([]supervisor.ServiceStatus, error) {
	reply, err := g.Paths.Ask(supervisor.Request{Method: "status"})
	if errors.Is(err, supervisor.ErrNone) {
		reply, err = g.Paths.Unsupervised(g.Runtime, nil)
	}
	if err != nil {
		return nil, err
	}
	found := map[string]supervisor.ServiceStatus{}
	for _, s := range reply.Services {
		found[s.Name] = s
	}
	names := g.Names
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(found))
		if g.Config != nil {
			names = slices.AppendSeq(names, maps.Keys(g.Config.Services))
		}
		states, err := g.containers()
		if err != nil {
			return nil, err
		}
		for _, s := range states {
			names = append(names, s.ID)
		}
	}
	slices.Sort(names)
	var all []supervisor.ServiceStatus
	for _, name := range slices.Compact(names) {
		s, ok := found[name]
		if !ok {
			if s, err = g.container(name); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// container is the status of a service that no supervisor knows.
func (g *Gatherer) container(name string) (supervisor.ServiceStatus, error) {
	s := supervisor.ServiceStatus{Name: name, State: "not running"}
	state, err := g.Runtime.State(name)
	_, none := os.Lstat(filepath.Join(g.Paths.Root, name))
	switch {
	case err != nil && none == nil:
		return s, err // there is one, that cannot be read
	case err == nil:
		s.State, s.Pid, s.Since, s.Stats = supervisor.State(state.Status), state.Pid, state.Created, state.Stats
	case g.Config != nil && g.Config.Services[name] != nil:
		// configured, and not there
	default:
		return s, fmt.Errorf("cannot find service %q: neither a configuration nor a supervisor has it, and there is no container of that name", name)
	}
	return s, nil
}

// addNetwork: the supervisor does not know the network's figures. Without them
// there is one diagnosis less.
func addNetwork(s *supervisor.ServiceStatus) {
	if s.Stats != nil && s.Stats.Network == nil {
		s.Stats.Network, _ = netstats.Of(s.Name)
	}
}

// facts are those of one service, but its history.
func (g *Gatherer) facts(s *supervisor.ServiceStatus, all []supervisor.ServiceStatus) *doctor.Facts {
	f := &doctor.Facts{
		Name: s.Name, Config: g.Config, State: string(s.State), Reason: s.Reason,
		Health: s.Health, HealthError: s.HealthError, Output: s.Output, After: s.Stats,
	}
	if s.Exit != nil {
		f.Exit = &doctor.Exit{Code: s.Exit.Code, OOM: s.Exit.OOM}
	}
	if s.Stats != nil {
		f.PidsHit = g.pidsHit(s.Name)
	}
	if g.Config == nil || g.Config.Services[s.Name] == nil {
		return f
	}
	service := g.Config.Services[s.Name]
	for _, other := range service.DependsOn {
		if i := slices.IndexFunc(all, func(o supervisor.ServiceStatus) bool { return o.Name == other }); i >= 0 && all[i].State != supervisor.Running {
			f.Waiting = append(f.Waiting, fmt.Sprintf("%s is %s", other, all[i].State))
		}
	}
	for _, dir := range service.Filesystem.Writable {
		if free, total, err := doctor.Room(dir); err == nil {
			f.Full = append(f.Full, doctor.Folder{Path: dir, Free: free, Total: total})
		}
	}
	return f
}

// pidsHit is how often pids.limit refused a process, from the line "max N" of
// pids.events (kernel 4.18, on v1 too).
func (g *Gatherer) pidsHit(name string) uint64 {
	cgroups, err := g.Runtime.Cgroups(name)
	if err != nil {
		return 0
	}
	dir := cgroups["pids"]
	if dir == "" {
		dir = cgroups[""]
	}
	data, err := os.ReadFile(filepath.Join(dir, "pids.events"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "max "); ok {
			hits, _ := strconv.ParseUint(n, 10, 64)
			return hits
		}
	}
	return 0
}

// history adds the events of the last day, and what seccomp refused since.
func (g *Gatherer) history(facts []*doctor.Facts, statuses []supervisor.ServiceStatus) error {
	since := time.Now().Add(-24 * time.Hour)
	pids := map[string]map[int]bool{} // each service's, of all its lives
	byName := map[string]*doctor.Facts{}
	for i, f := range facts {
		byName[f.Name] = f
		pids[f.Name] = map[int]bool{statuses[i].Pid: statuses[i].Pid != 0}
	}
	err := g.Paths.ReadEvents(context.Background(), supervisor.EventOptions{Since: since}, func(e *supervisor.Event, _ []byte) error {
		f := byName[e.Service]
		if f == nil {
			return nil
		}
		event := doctor.Event{Time: e.Time}
		switch {
		case e.Type == "state":
			event.State = string(e.State)
			if e.Pid != 0 {
				pids[e.Service][e.Pid] = true
			}
		case e.Type == "alert" && e.Alert != nil && e.Alert.Status == "firing":
			event.Alert, event.Cgroup = e.Kind, e.Cgroup
		default:
			return nil
		}
		f.Events = append(f.Events, event)
		return nil
	})
	if err != nil {
		return err
	}
	denied := doctor.Denials()
	for i, f := range facts {
		f.Now = time.Now()
		f.Denied = g.who(f, statuses[i].Exit, pids[f.Name]).Of(denied, since)
	}
	return nil
}

// who tells a service's denials from others'.
func (g *Gatherer) who(f *doctor.Facts, exit *supervisor.Exit, pids map[int]bool) doctor.Who {
	w := doctor.Who{PIDs: pids}
	if f.KilledBySeccomp() {
		w.Died = exit.Time
	}
	if g.Config == nil || g.Config.Services[f.Name] == nil || g.Config.Services[f.Name].Executable == nil {
		return w
	}
	w.Program, w.Alone = *g.Config.Services[f.Name].Executable, true
	for other, s := range g.Config.Services {
		if other != f.Name && s.Executable != nil && *s.Executable == w.Program {
			w.Alone = false
		}
	}
	return w
}
