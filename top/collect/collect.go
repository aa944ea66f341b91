// Package collect reads the samples that package top shows: the containers of a
// state folder and what they use, and what their supervisor, if there is one,
// knows of them. It needs none.
package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"blackhole/netstats"
	"blackhole/runtime"
	"blackhole/runtime/stats"
	"blackhole/supervisor"
	"blackhole/top"
)

// Collector takes samples. It is not for several goroutines at a time.
type Collector struct {
	// Runtime's Warn is taken over: what it is told becomes the sample's problems.
	Runtime *runtime.Runtime
	Paths   supervisor.Paths
	// Names are the services and containers to look at; none: all.
	Names []string

	known map[string]known
	asker asker
}

// known is what does not change in a container's life.
type known struct {
	created time.Time
	cgroups map[string]string
}

// ErrUnknown is that there is nothing of a name.
var ErrUnknown = errors.New("no container and no service has this name")

// Sample looks at all containers. What one of them does not tell is a problem in
// the sample, not an error.
func (c *Collector) Sample() (*top.Sample, error) {
	reply, problem := c.asker.ask(c.Paths)
	s := &top.Sample{Containers: []*top.Container{}}
	note := func(err error) { s.Problems = append(s.Problems, oneLine(err)) }
	if problem != nil {
		note(problem)
	}
	rt := *c.Runtime
	rt.Warn = note
	states, err := rt.List()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // without a folder nothing was ever created
		return nil, err
	}
	services := map[string]*supervisor.ServiceStatus{}
	if reply != nil {
		s.Supervisor = reply.Pid
		for i := range reply.Services {
			services[reply.Services[i].Name] = &reply.Services[i]
		}
	}
	now := map[string]known{}
	for i := range states {
		state := &states[i]
		if !c.wants(state.ID) {
			continue
		}
		one := &top.Container{
			Name: state.ID, State: state.Status, Pid: state.Pid, Bundle: state.Bundle, Since: state.Created, Run: state.Created,
		}
		if state.Pid != 0 {
			k, err := c.know(state)
			if err == nil {
				now[state.ID] = k
				one.Stats, err = stats.Read(stats.Source{Cgroups: k.cgroups})
				one.At = time.Now()
			}
			if one.Stats != nil && err == nil {
				one.Stats.Network, err = netstats.Of(state.ID)
			}
			if err != nil && !c.ended(state.ID) {
				note(fmt.Errorf("%s: %w", state.ID, err))
			}
		}
		if service := services[state.ID]; service != nil {
			describe(one, service)
			delete(services, state.ID)
		}
		s.Containers = append(s.Containers, one)
	}
	for name, service := range services { // without a container
		if c.wants(name) {
			one := &top.Container{Name: name}
			describe(one, service)
			one.Pid, one.Since = 0, time.Time{}
			s.Containers = append(s.Containers, one)
		}
	}
	slices.SortFunc(s.Containers, func(a, b *top.Container) int { return strings.Compare(a.Name, b.Name) })
	c.known, s.Time = now, time.Now()
	return s, nil
}

// Missing fails with the first of the names that a sample has nothing of.
func (c *Collector) Missing(s *top.Sample) error {
	for _, name := range c.Names {
		if !slices.ContainsFunc(s.Containers, func(one *top.Container) bool { return one.Name == name }) {
			return fmt.Errorf("cannot show %q: %w", name, ErrUnknown)
		}
	}
	return nil
}

func (c *Collector) wants(name string) bool {
	return len(c.Names) == 0 || slices.Contains(c.Names, name)
}

// know looks up where a container's figures are, once in its life.
func (c *Collector) know(state *runtime.State) (known, error) {
	if k, ok := c.known[state.ID]; ok && k.created.Equal(state.Created) {
		return k, nil
	}
	cgroups, err := c.Runtime.Cgroups(state.ID)
	return known{state.Created, cgroups}, err
}

// ended: what went wrong with it is that it is not there any more.
func (c *Collector) ended(id string) bool {
	state, err := c.Runtime.State(id)
	return err != nil || state.Pid == 0
}

// Services makes a sample of what the supervisor told, stats included.
func Services(all []supervisor.ServiceStatus) *top.Sample {
	s := &top.Sample{Time: time.Now()}
	for i := range all {
		service := &all[i]
		c := &top.Container{Name: service.Name, Pid: service.Pid, Stats: service.Stats}
		describe(c, service)
		c.Since = service.Since // of the state, not of the program
		s.Containers = append(s.Containers, c)
	}
	return s
}

// describe adds what the supervisor knows. A service that is paused, or was
// created and not started, says so itself.
func describe(c *top.Container, s *supervisor.ServiceStatus) {
	if c.State != "paused" {
		c.State = string(s.State)
	}
	c.Reason = Printable(s.Reason)
	if !s.Started.IsZero() {
		c.Since = s.Started
	}
	c.Service = &top.Service{Restarts: s.Restarts, Health: s.Health}
	for _, a := range s.Alerts {
		c.Service.Alerts = append(c.Service.Alerts, top.Alert{
			Kind: a.Kind, Severity: a.Severity, Since: a.Since, Value: a.Value, Limit: a.Limit, Unit: a.Unit,
		})
	}
}

// oneLine puts an error on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
