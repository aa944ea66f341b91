package supervisor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"blackhole/bundle"
	"blackhole/hooks/params"
	"blackhole/runtime"
	"blackhole/spec"
)

// Action is what apply does.
type Action string

// The actions of apply.
const (
	ActionAdd     Action = "add"     // a new service is started
	ActionRemove  Action = "remove"  // a service is stopped and forgotten
	ActionRestart Action = "restart" // ended and started anew
	ActionStart   Action = "start"   // one that failed or finished is started anew
	ActionUpdate  Action = "update"  // in place: what runs goes on
)

// Change is what apply does to one service.
type Change struct {
	Service string      `json:"service,omitempty"` // empty: what holds for all
	Action  Action      `json:"action"`
	Keys    []KeyChange `json:"keys,omitempty"`
	// Error is why it could not be done; then the service is as it was.
	Error string `json:"error,omitempty"`
}

// KeyChange is one key of the configuration that differs.
type KeyChange struct {
	spec.KeyDiff
	// Restart: it cannot change while the service runs.
	Restart bool `json:"restart,omitempty"`
}

// plan is what takes the services from how they are to a configuration.
type plan struct {
	config  *spec.Config
	names   []string // of the services to run
	changes []Change
}

// id is the same for plans that do the same.
func (p *plan) id() string {
	data, _ := json.Marshal(p.changes) // it holds nothing that fails
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// present is what a plan must know of a service.
type present struct {
	config   *spec.Config
	state    State
	finished bool
	gone     bool
	stopped  bool // or is about to be, and stays so
}

// plan compares a configuration with what is supervised. It changes nothing, and
// is called beside the loop: translating takes its time.
func (s *Supervisor) plan(config *spec.Config) (*plan, error) {
	var last *spec.Config
	have := map[string]present{}
	if !s.call(func() {
		last = s.config
		for name, sv := range s.services {
			have[name] = present{
				config: sv.config, state: sv.state, gone: sv.gone, finished: sv.state == Stopped && sv.reason == finished,
				stopped: sv.wantsStop || sv.state == Stopped || sv.state == Stopping && sv.next == thenStop,
			}
		}
	}) {
		return nil, errEnding
	}
	// Of those that up was asked for, the ones that there still are.
	asked := slices.DeleteFunc(slices.Clone(s.o.Services), func(n string) bool { return !config.Contains(n) })
	if len(asked) == 0 && len(s.o.Services) > 0 {
		return nil, fmt.Errorf("cannot apply: the configuration has none of the services that this supervisor was started for")
	}
	names, err := closure(config, asked)
	if err == nil {
		err = haveProgram(config, names)
	}
	if err != nil {
		return nil, err
	}
	p := &plan{config: config, names: names}
	forAll := spec.DiffIsolation(last, config)
	if len(forAll) > 0 {
		p.changes = append(p.changes, Change{Action: ActionUpdate, Keys: keyChanges(forAll)})
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if !slices.Contains(names, name) && !have[name].gone {
			p.changes = append(p.changes, Change{Service: name, Action: ActionRemove})
		}
	}
	for _, name := range names {
		old, known := have[name]
		if !known || old.gone {
			p.changes = append(p.changes, Change{Service: name, Action: ActionAdd})
			continue
		}
		change, err := s.planService(name, old, config)
		if err != nil {
			return nil, err
		}
		if change != nil {
			p.changes = append(p.changes, *change)
		}
	}
	return p, nil
}

// planService is the change of one service that is there before and after; nil
// for none.
func (s *Supervisor) planService(name string, old present, config *spec.Config) (*Change, error) {
	c := &Change{Service: name, Action: ActionUpdate, Keys: keyChanges(spec.Diff(old.config, config, name))}
	var forAll []KeyChange
	for _, k := range keyChanges(spec.DiffIsolation(old.config, config)) {
		if k.Restart { // of the cgroup or the network, which are in each container
			forAll = append(forAll, k)
		}
	}
	profile, err := s.profileChanged(name, config)
	if err != nil {
		return nil, err
	}
	if len(c.Keys) == 0 && len(forAll) == 0 && !profile {
		return nil, nil
	}
	restart := profile
	if !restart && (len(forAll) > 0 || slices.ContainsFunc(c.Keys, func(k KeyChange) bool { return k.Restart })) {
		// Only a container that would be another one must be.
		was, _, err := s.o.Bundle(old.config, name)
		if err != nil {
			restart = true // it could not be made any more as it is
		} else {
			is, _, err := s.o.Bundle(config, name)
			if err != nil {
				return nil, err
			}
			if restart, err = fixedDiffer(was, is); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case restart:
		c.Action = ActionRestart
		if profile {
			c.Keys = append(c.Keys, KeyChange{spec.KeyDiff{Key: "security.seccomp_profile", Old: "its former contents", New: "its contents"}, true})
		} else if !slices.ContainsFunc(c.Keys, func(k KeyChange) bool { return k.Restart }) {
			c.Keys = append(c.Keys, forAll...)
		}
	case len(c.Keys) == 0:
		return nil, nil
	default:
		for i := range c.Keys {
			c.Keys[i].Restart = false
		}
	}
	switch {
	case old.state == Failed, old.state == Backoff, old.finished && restart:
		c.Action = ActionStart
	case old.stopped, old.state == Waiting: // nothing of it runs, or will
		c.Action = ActionUpdate
	}
	return c, nil
}

func keyChanges(diffs []spec.KeyDiff) []KeyChange {
	var keys []KeyChange
	for _, d := range diffs {
		keys = append(keys, KeyChange{d, !spec.Live(d.Key)})
	}
	return keys
}

// fixedDiffer: two bundles differ in more than limits and bandwidth.
func fixedDiffer(was, is bundle.Contents) (bool, error) {
	for _, c := range []*bundle.Contents{&was, &is} {
		config := *c.Config
		linux := *config.Linux
		resources := runtime.Fixed(linux.Resources)
		linux.Resources = &resources
		network, err := networkOf(*c)
		if err != nil {
			return false, err
		}
		network.IngressRate, network.EgressRate, network.IngressBurst, network.EgressBurst = 0, 0, 0, 0
		config.Annotations = maps.Clone(config.Annotations)
		maps.DeleteFunc(config.Annotations, func(name, _ string) bool {
			return len(name) > len(params.Prefix) && name[:len(params.Prefix)] == params.Prefix
		})
		maps.Copy(config.Annotations, network.Annotations())
		config.Linux, c.Config = &linux, &config
	}
	// As they are on disk, where nothing and an empty list are the same.
	a, err := json.Marshal(was)
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(is)
	return !bytes.Equal(a, b), err
}

func networkOf(c bundle.Contents) (params.Params, error) {
	return params.FromAnnotations(c.Config.Annotations)
}

// profileChanged: a seccomp profile in a file of its own is not what the
// service's bundle was written with.
func (s *Supervisor) profileChanged(name string, config *spec.Config) (bool, error) {
	effective, err := config.Service(name)
	if err != nil || !filepath.IsAbs(*effective.Security.SeccompProfile) {
		return false, err
	}
	var written struct {
		Linux struct{ Seccomp json.RawMessage }
	}
	data, err := os.ReadFile(filepath.Join(s.o.Paths.bundle(name), bundle.ConfigName))
	if err != nil {
		return false, nil //nolint:nilerr // it never ran: there is nothing to differ from
	}
	contents, _, err := s.o.Bundle(config, name)
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(data, &written); err != nil || written.Linux.Seccomp == nil {
		return false, nil //nolint:nilerr // the key has changed then, and shows as such
	}
	var a, b any
	is, err := json.Marshal(contents.Config.Linux.Seccomp)
	if err == nil {
		err = json.Unmarshal(is, &b)
	}
	if err == nil {
		err = json.Unmarshal(written.Linux.Seccomp, &a)
	}
	return !reflect.DeepEqual(a, b), err
}
