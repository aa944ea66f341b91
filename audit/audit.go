// Package audit says how exposed a container is: how much of the host somebody
// who took over its program could reach, from 0 to 10. It reads the container's
// OCI configuration and nothing else, so one of a service and one that comes
// from elsewhere are judged alike.
//
// The idea is that of systemd-analyze(1), "security"; the checks, their weights
// and the words are our own.
package audit

import (
	"cmp"
	"math"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Most is the highest exposure: nothing is between the program and the host.
const Most = 10.0

// Report is what was found.
type Report struct {
	// Exposure is the sum of the checks' points, 0 to 10, or the highest of their
	// floors if that is more.
	Exposure float64 `json:"exposure"`
	Level    string  `json:"level"`
	Checks   []Check `json:"checks"` // the most points first
}

// Check is one line.
type Check struct {
	Name   string  `json:"check"`
	Weight float64 `json:"weight"` // the most points; all checks' together are 10
	Points float64 `json:"points"`
	// Floor is the exposure that this alone makes: it hands over the host,
	// however well the rest is. Zero is none.
	Floor float64 `json:"floor,omitempty"`
	Found string  `json:"found"`
	// What lowers it, in words, and where: the key of a service in blackhole.yaml,
	// empty where it has none, and the key of config.json.
	Advice  string `json:"advice,omitempty"`
	Service string `json:"service_key,omitempty"`
	OCI     string `json:"oci_key"`
}

// Of judges a configuration, which must have process and linux sections.
func Of(config *specs.Spec) *Report {
	a := &auditor{
		config: config, process: config.Process, linux: config.Linux,
		caps: capabilities(config), mapped: mapped(config), root: config.Process.User.UID == 0,
	}
	a.privileges()
	a.seccomp()
	a.namespaces()
	a.files()
	a.kernelFiles()
	a.devices()
	a.limits()
	r := &Report{Checks: a.checks}
	for _, c := range r.Checks {
		r.Exposure += c.Points
	}
	for _, c := range r.Checks {
		r.Exposure = max(r.Exposure, c.Floor)
	}
	r.Exposure = round(min(r.Exposure, Most))
	r.Level = level(r.Exposure)
	slices.SortStableFunc(r.Checks, func(a, b Check) int {
		return cmp.Or(cmp.Compare(b.Floor, a.Floor), cmp.Compare(b.Points, a.Points), cmp.Compare(b.Weight, a.Weight))
	})
	return r
}

// level is an exposure in a word.
func level(exposure float64) string {
	for _, l := range []struct {
		below float64
		word  string
	}{{1, "tight"}, {2.5, "good"}, {4, "fair"}, {6.5, "weak"}} {
		if exposure < l.below {
			return l.word
		}
	}
	return "open"
}

func round(v float64) float64 { return math.Round(v*100) / 100 }

// auditor holds one audit under way.
type auditor struct {
	config  *specs.Spec
	process *specs.Process
	linux   *specs.Linux
	caps    []string // that it has or may get
	mapped  bool     // its root is not the host's: a user namespace of its own
	root    bool     // its user is 0
	checks  []Check
}

// add counts a part of a check's weight, 0 to 1.
func (a *auditor) add(part float64, c Check) {
	c.Points = round(min(max(part, 0), 1) * c.Weight)
	if c.Points == 0 {
		c.Advice, c.Floor = "", 0
	}
	a.checks = append(a.checks, c)
}

// hostRoot: it has root's rights outside the container too, as far as
// capabilities do not matter.
func (a *auditor) hostRoot() bool { return a.root && !a.mapped }

// mapped tells of a user namespace in which the host's root is nobody.
func mapped(config *specs.Spec) bool {
	ns, own := namespace(config.Linux, specs.UserNamespace)
	if !own {
		return false
	}
	if ns.Path != "" {
		return !hosts(ns.Path)
	}
	return !slices.ContainsFunc(config.Linux.UIDMappings, func(m specs.LinuxIDMapping) bool { return m.HostID == 0 && m.Size > 0 })
}
