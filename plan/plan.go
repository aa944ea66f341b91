// Package plan adds up what services may use, and compares it with what a host
// has. It computes alone: the host's facts come in as a value, from this
// machine (ThisHost) or from a description of another (ParseHost).
package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"blackhole/spec"
)

// Input is what Make compares.
type Input struct {
	Config *spec.Config // that passed Check
	Host   Host
	// Headroom is the part of each resource to leave to nobody, from 0 to below 1.
	Headroom float64
	// Disks names the disks that a service's limits hold on; nil where the host
	// is another one, whose disks nobody knows.
	Disks func(service string) []string
}

// Plan is the comparison.
type Plan struct {
	Host      Host       `json:"host"`
	Headroom  float64    `json:"headroom"`
	Over      bool       `json:"over"` // something is over
	Resources []Resource `json:"resources"`
	CPUs      []CPULoad  `json:"cpus"` // where some service has a cpuset
	Services  []Service  `json:"services"`
	Findings  []Finding  `json:"findings"`
}

// The states of a resource, and the severities of a finding.
const (
	OK      = "ok"
	Over    = "over"
	Unknown = "unknown" // what the host has is not known
	Note    = "note"
)

// Resource is one resource of the host and what all services may take of it.
type Resource struct {
	Name  string  `json:"resource"`
	Unit  string  `json:"unit"` // of the figures: cores, bytes, bytes/s, operations/s, descriptors, processes, addresses, ports
	Asked float64 `json:"asked"`
	// Capacity is what the host has, and Usable what of it the headroom leaves;
	// absent where it is not known.
	Capacity *float64 `json:"capacity,omitempty"`
	Usable   *float64 `json:"usable,omitempty"`
	State    string   `json:"state"`
	Shares   []Share  `json:"services"` // who asks, the largest first
	// Unlimited are services without a limit: they may take all of it.
	Unlimited []string `json:"unlimited,omitempty"`
}

// Share is one service's part of a resource.
type Share struct {
	Service string  `json:"service"`
	Amount  float64 `json:"amount"`
}

// Service is what one service may use; absent: without a limit.
type Service struct {
	Name   string      `json:"service"`
	Cores  *float64    `json:"cpu_cores,omitempty"` // the quota, or the CPUs of its cpuset if those are fewer
	CPUSet spec.CPUSet `json:"cpuset,omitempty"`
	Shares uint64      `json:"cpu_shares"`
	// Portion is its part of the CPUs it may run on when all services that may run
	// there want all they can get.
	Portion float64 `json:"cpu_portion"`
	Memory  *int64  `json:"memory_bytes,omitempty"`
	Soft    *int64  `json:"memory_soft_bytes,omitempty"`
	Swap    *int64  `json:"memory_swap_bytes,omitempty"`
	Pids    *int64  `json:"pids,omitempty"`
	FDs     *uint64 `json:"fds,omitempty"` // of each of its processes
}

// Finding is one thing to know, placed at the line to change.
type Finding struct {
	Severity string `json:"severity"` // over or note
	Resource string `json:"resource"`
	Service  string `json:"service,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Path     string `json:"path,omitempty"` // of the key
	Message  string `json:"message"`
}

// maker holds one plan under way.
type maker struct {
	Input
	out      *Plan
	names    []string
	services map[string]*spec.Service // defaults merged in
}

// Make compares.
func Make(in Input) (*Plan, error) {
	m := &maker{Input: in, services: map[string]*spec.Service{}, out: &Plan{
		Host: in.Host, Headroom: in.Headroom, CPUs: []CPULoad{}, Services: []Service{}, Findings: []Finding{},
	}}
	for name := range in.Config.Services {
		s, err := in.Config.Service(name)
		if err != nil {
			return nil, err
		}
		m.services[name], m.names = s, append(m.names, name)
	}
	slices.Sort(m.names)
	m.out.Host.CPUList = cpuList(in.Host.CPUs)
	m.cpu()
	m.memory()
	m.disks()
	m.processes()
	m.network()
	m.table()
	for _, f := range m.out.Findings {
		m.out.Over = m.out.Over || f.Severity == Over
	}
	return m.out, nil
}

// ask is what one service wants of a resource; nil is without a limit.
type ask func(s *spec.Service, name string) *float64

// sum adds a resource to the plan. keys are where a service sets it, see find.
func (m *maker) sum(r Resource, capacity *uint64, keys string, of ask) {
	r.Shares = []Share{}
	for _, name := range m.names {
		switch amount := of(m.services[name], name); {
		case amount == nil:
			r.Unlimited = append(r.Unlimited, name)
		case *amount > 0:
			r.Asked += *amount
			r.Shares = append(r.Shares, Share{name, *amount})
		}
	}
	slices.SortStableFunc(r.Shares, func(a, b Share) int {
		switch {
		case a.Amount > b.Amount:
			return -1
		case a.Amount < b.Amount:
			return 1
		}
		return 0
	})
	r.State = Unknown
	if capacity != nil {
		c := float64(*capacity)
		usable := c * (1 - m.Headroom)
		if r.Unit != "cores" {
			usable = math.Floor(usable)
		}
		r.Capacity, r.Usable, r.State = &c, &usable, OK
		if r.Asked > usable*(1+tolerance) {
			r.State = Over
			m.tellOver(&r, keys)
		}
	}
	m.out.Resources = append(m.out.Resources, r)
}

// tolerance is for sums of decimal fractions: ten times 0.1 is 1.
const tolerance = 1e-9

// tellOver says who asks for how much too much, at the key of the largest.
func (m *maker) tellOver(r *Resource, keys string) {
	var who []string
	for i, s := range r.Shares {
		if i == 5 && len(r.Shares) > 6 {
			who = append(who, fmt.Sprintf("%d more", len(r.Shares)-i))
			break
		}
		who = append(who, s.Service+" "+Amount(s.Amount, r.Unit))
	}
	has := fmt.Sprintf("%s of %s to plan with: %s too much", Amount(*r.Usable, r.Unit), Amount(*r.Capacity, r.Unit), Amount(r.Asked-*r.Usable, r.Unit))
	if *r.Capacity == 0 {
		has = "the host has none"
	}
	m.find(Over, r.Name, r.Shares[0].Service, keys, "%s asked, %s (%s)", Amount(r.Asked, r.Unit), has, strings.Join(who, ", "))
}

// find adds a finding about a service's key: of several, by blanks, the first
// that is written, else the first.
func (m *maker) find(severity, resource, service, keys, format string, args ...any) {
	f := Finding{Severity: severity, Resource: resource, Service: service, Message: fmt.Sprintf(format, args...)}
	for _, key := range strings.Fields(keys) {
		path, at, set := m.Config.Written(service, key)
		if set || f.Path == "" {
			f.Path, f.File, f.Line, f.Column = path, at.File, at.Line, at.Column
		}
		if set {
			break
		}
	}
	m.out.Findings = append(m.out.Findings, f)
}

// table lists the services.
func (m *maker) table() {
	for _, name := range m.names {
		s := m.services[name]
		r := s.Resources
		row := Service{
			Name: name, Cores: m.cores(s), Shares: sharesOf(s), Portion: m.portion(name),
			Memory: (*int64)(r.Memory.Limit), Soft: (*int64)(r.Memory.Soft), Swap: (*int64)(r.Memory.Swap),
			Pids: r.Pids.Limit, FDs: hardFDs(s),
		}
		if r.CPU.CPUSet != nil {
			row.CPUSet = *r.CPU.CPUSet
		}
		m.out.Services = append(m.out.Services, row)
	}
}

// number is a limit as a figure; nil stays nil.
func number[T ~int64 | ~uint64](n *T) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}
