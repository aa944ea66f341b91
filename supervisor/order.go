package supervisor

import (
	"slices"

	"blackhole/spec"
)

// closure lists the named services and all that they depend on, sorted; no
// names are all services. It fails for a name that there is not.
func closure(c *spec.Config, names []string) ([]string, error) {
	if len(names) == 0 {
		for name := range c.Services {
			names = append(names, name)
		}
	}
	var all []string
	for todo := slices.Clone(names); len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if slices.Contains(all, name) {
			continue
		}
		if _, err := c.Service(name); err != nil {
			return nil, err
		}
		all = append(all, name)
		todo = append(todo, c.Services[name].DependsOn...)
	}
	slices.Sort(all)
	return all, nil
}

// pending: advance may have something to do. Mostly it has not, and then need not
// sort all services.
func (s *Supervisor) pending() bool {
	for _, sv := range s.services {
		if sv.wantsStop || sv.wantsRestart || sv.gone || sv.read != sv.config || sv.state == Waiting {
			return true
		}
	}
	return false
}
