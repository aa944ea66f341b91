package profiles

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Access is what a profile makes of a system call.
type Access int

// From nothing to everything.
const (
	Blocked Access = iota
	Partly         // it goes by the call's arguments
	Allowed
)

// Allows tells what a profile makes of a system call, which may be any OCI
// profile, not only one that Load accepts; nil is no filter. A call that is
// logged, or that another process decides on, counts as allowed.
func Allows(p *specs.LinuxSeccomp, name string) Access {
	if p == nil {
		return Allowed
	}
	fallback := Blocked
	if passes(p.DefaultAction) {
		fallback = Allowed
	}
	access := fallback
	for _, rule := range p.Syscalls {
		if !slices.Contains(rule.Names, name) || passes(rule.Action) == (fallback == Allowed) {
			continue
		}
		if len(rule.Args) == 0 {
			return Allowed - fallback // it wins over rules with arguments
		}
		access = Partly
	}
	return access
}
