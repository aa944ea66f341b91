package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"blackhole/spec"
)

// CPULoad is CPUs that carry the same load of the same services.
type CPULoad struct {
	CPUs spec.CPUSet `json:"cpus"`
	// Load of each of them, 1 is all of it, when every service uses its limit and
	// the scheduler spreads them as evenly as their cpusets let it.
	Load     float64  `json:"load"`
	Services []string `json:"services"`
	// Unlimited are services without a quota or a cpuset of their own there.
	Unlimited []string `json:"unlimited,omitempty"`
}

// defaultShares is the kernel's.
const defaultShares = 1024

func sharesOf(s *spec.Service) uint64 {
	if s.Resources.CPU.Shares == nil {
		return defaultShares
	}
	return *s.Resources.CPU.Shares
}

// cpu compares quotas with CPUs, all together and CPU by CPU.
func (m *maker) cpu() {
	var count *uint64
	if m.Host.CPUs != nil {
		n := uint64(len(m.Host.CPUs))
		count = &n
	}
	m.sum(Resource{Name: "cpu", Unit: "cores"}, count, "resources.cpu.quota resources.cpu.cpuset",
		func(s *spec.Service, _ string) *float64 { return m.cores(s) })
	pinned := false
	for _, name := range m.names {
		pinned = m.cpuset(name) || pinned
	}
	if pinned && m.Host.CPUs != nil {
		m.loads()
	}
}

// cores is the most that a service can use: its quota, or its CPUs where these
// are fewer. Nil is no limit.
func (m *maker) cores(s *spec.Service) *float64 {
	var cores *float64
	if q := s.Resources.CPU.Quota; q != nil && *q > 0 {
		cores = (*float64)(q)
	}
	if s.Resources.CPU.CPUSet == nil {
		return cores
	}
	n := float64(len(s.Resources.CPU.CPUSet.CPUs()))
	if cores == nil || n < *cores {
		return &n
	}
	return cores
}

// cpusOf are the CPUs that a service may run on and the host has; all of its
// cpuset where the host's are not known.
func (m *maker) cpusOf(s *spec.Service) []int {
	if s.Resources.CPU.CPUSet == nil {
		return m.Host.CPUs
	}
	cpus := s.Resources.CPU.CPUSet.CPUs()
	if m.Host.CPUs != nil {
		cpus = slices.DeleteFunc(cpus, func(cpu int) bool { return !slices.Contains(m.Host.CPUs, cpu) })
	}
	return cpus
}

// cpuset tells whether a service has one, and what is wrong with it.
func (m *maker) cpuset(name string) bool {
	const key = "resources.cpu.cpuset"
	s := m.services[name]
	set := s.Resources.CPU.CPUSet
	if set == nil {
		return false
	}
	there := m.cpusOf(s)
	missing := slices.DeleteFunc(set.CPUs(), func(cpu int) bool { return slices.Contains(there, cpu) })
	if len(missing) > 0 {
		m.find(Over, "cpu", name, key, "%s needs CPUs %s, and the host has no CPU %s", name, *set, cpuList(missing))
	}
	if q := s.Resources.CPU.Quota; q != nil && float64(*q) > float64(len(set.CPUs())) {
		m.find(Note, "cpu", name, "resources.cpu.quota", "a quota of %s cores is more than the %d CPUs of its cpuset %s, which it cannot leave",
			*q, len(set.CPUs()), *set)
	}
	return true
}

// class is the CPUs that the same services may run on: they are alike.
type class struct {
	cpus []int
	load float64 // of each
	mine []bool  // by index in names
}

// loads spreads the limits over the CPUs and finds those that have to carry more
// than they can. Only a service with a cpuset makes that another question than
// the sum of the quotas. The headroom is of the host as a whole: a CPU that is
// given to one service alone may be full.
func (m *maker) loads() {
	classes := m.classes()
	demands := make([]float64, len(m.names))
	for i, name := range m.names {
		if cores := m.cores(m.services[name]); cores != nil {
			demands[i] = min(*cores, float64(len(m.cpusOf(m.services[name]))))
		}
	}
	spread(classes, demands)
	slices.SortFunc(classes, func(a, b *class) int { return cmp.Compare(a.cpus[0], b.cpus[0]) })
	for _, c := range classes {
		load := CPULoad{CPUs: cpuList(c.cpus), Load: math.Round(c.load*1000) / 1000, Services: []string{}}
		pinned := ""
		for i, name := range m.names {
			switch {
			case !c.mine[i]:
				continue
			case m.cores(m.services[name]) == nil:
				load.Unlimited = append(load.Unlimited, name)
				continue
			case m.services[name].Resources.CPU.CPUSet != nil && (pinned == "" || demands[i] > demands[slices.Index(m.names, pinned)]):
				pinned = name
			}
			load.Services = append(load.Services, name)
		}
		m.out.CPUs = append(m.out.CPUs, load)
		if c.load > 1+spreadError && pinned != "" {
			m.find(Over, "cpu", pinned, "resources.cpu.cpuset", "CPUs %s would carry %.0f %% each (%s): there are too few CPUs that these may run on",
				load.CPUs, 100*c.load, strings.Join(load.Services, ", "))
		}
	}
}

func (m *maker) classes() []*class {
	var classes []*class
	byKey := map[string]*class{}
	for _, cpu := range m.Host.CPUs {
		mine := make([]bool, len(m.names))
		for i, name := range m.names {
			mine[i] = slices.Contains(m.cpusOf(m.services[name]), cpu)
		}
		key := fmt.Sprint(mine)
		if byKey[key] == nil {
			byKey[key] = &class{mine: mine}
			classes = append(classes, byKey[key])
		}
		byKey[key].cpus = append(byKey[key].cpus, cpu)
	}
	return classes
}

// spreadError is the largest error of spread, in CPUs.
const spreadError = 1e-4

// spread gives each demand to the classes it may use so that the loads are as
// even as can be: one demand after the other flows to where there is least of
// the others', like water, until nothing moves any more. That is the minimum of
// a convex function, the sum of the loads' squares, by its blocks of variables.
func spread(classes []*class, demands []float64) {
	const rounds = 2000
	given := make([][]float64, len(demands)) // to each CPU of a class
	for i := range given {
		given[i] = make([]float64, len(classes))
	}
	for range rounds {
		moved := 0.0
		for i, demand := range demands {
			var mine []int
			for j, c := range classes {
				if c.mine[i] {
					mine = append(mine, j)
					c.load -= given[i][j]
				}
			}
			level := waterLevel(classes, mine, demand)
			for _, j := range mine {
				now := max(0, level-classes[j].load)
				moved = max(moved, math.Abs(now-given[i][j]))
				given[i][j] = now
				classes[j].load += now
			}
		}
		if moved < spreadError/100 {
			return
		}
	}
}

// waterLevel is how high an amount of water stands over grounds of different
// heights and widths.
func waterLevel(classes []*class, mine []int, amount float64) float64 {
	slices.SortFunc(mine, func(a, b int) int { return cmp.Compare(classes[a].load, classes[b].load) })
	width, filled, level := 0.0, 0.0, 0.0
	for i, j := range mine {
		width += float64(len(classes[j].cpus))
		filled += classes[j].load * float64(len(classes[j].cpus))
		level = (amount + filled) / width
		if i+1 == len(mine) || level <= classes[mine[i+1]].load {
			break
		}
	}
	return level
}

// portion is a service's part of its CPUs by shares, beside those that may run
// on any of them.
func (m *maker) portion(name string) float64 {
	s := m.services[name]
	all := 0.0
	for _, other := range m.names {
		if o := m.services[other]; m.meet(s, o) {
			all += float64(sharesOf(o))
		}
	}
	return math.Round(float64(sharesOf(s))/all*1000) / 1000
}

// meet tells whether two services may run on the same CPU.
func (m *maker) meet(a, b *spec.Service) bool {
	if a == b || a.Resources.CPU.CPUSet == nil || b.Resources.CPU.CPUSet == nil {
		return true
	}
	others := b.Resources.CPU.CPUSet.CPUs()
	return slices.ContainsFunc(a.Resources.CPU.CPUSet.CPUs(), func(cpu int) bool { return slices.Contains(others, cpu) })
}

// cpuList writes CPUs as the kernel does.
func cpuList(cpus []int) spec.CPUSet {
	words := make([]string, len(cpus))
	for i, cpu := range cpus {
		words[i] = fmt.Sprint(cpu)
	}
	var set spec.CPUSet
	_ = set.UnmarshalText([]byte(strings.Join(words, ","))) // none: it stays empty
	return set
}
