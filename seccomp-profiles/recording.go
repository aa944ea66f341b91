package profiles

import (
	"fmt"
	"slices"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Recording finds out which of a profile's rules a container's calls meet. Under
// its Filter every call that the profile has a rule for is told to a listener
// (seccomp_unotify(2)), who answers as the rule would; of what Saw then hears,
// Profile makes the smallest profile that treats the same calls alike. What the
// profile blocks stays blocked, with the same error number: a program that falls
// back on an older call when it meets one does so under the recorded profile too.
type Recording struct {
	base *specs.LinuxSeccomp

	mu    sync.Mutex
	seen  map[use]bool
	archs map[specs.Arch]bool
	// plain are the calls that were seen and whose rule does not look at their
	// arguments: the usual case, told from a single look.
	plain map[callOn]unix.Errno
}

// use is a rule of base with one of its names: the call was made, and this rule
// decided on it.
type use struct {
	rule int
	name string
}

type callOn struct {
	arch specs.Arch
	name string
}

// NewRecording prepares to record under base; nil is no filter, and every call
// that libseccomp knows can be recorded. base is not changed.
//
// It refuses a profile that lets through what it does not name: there would be
// no telling what to name.
func NewRecording(base *specs.LinuxSeccomp) (*Recording, error) {
	if base == nil {
		base = everything()
	}
	if passes(base.DefaultAction) {
		return nil, fmt.Errorf("cannot record under a profile whose defaultAction is %s: "+
			"what it lets through has no names; record under %s or %s", base.DefaultAction, Default, Unconfined)
	}
	for _, rule := range base.Syscalls {
		if rule.Action == specs.ActNotify || rule.Action == specs.ActTrace {
			return nil, fmt.Errorf("cannot record under a profile with %s for %s: another process answers for it already", rule.Action, rule.Names[0])
		}
	}
	return &Recording{base: base, seen: map[use]bool{}, archs: map[specs.Arch]bool{}, plain: map[callOn]unix.Errno{}}, nil
}

// everything lets every known call of this machine through. An unknown one fails
// as on a kernel that does not have it.
func everything() *specs.LinuxSeccomp {
	enosys := uint(unix.ENOSYS)
	return &specs.LinuxSeccomp{
		DefaultAction:   specs.ActErrno,
		DefaultErrnoRet: &enosys,
		// No Architectures: libseccomp adds this machine's itself.
		Syscalls: []specs.LinuxSyscall{{Names: syscallNames(), Action: specs.ActAllow}},
	}
}

// Filter is base with every call that a rule lets through or fails told to the
// listener at path, which a runtime connects to (linux.seccomp.listenerPath), but those
// that are unheard: what base says of them stands, and Profile has them all. What
// kills still does.
func (r *Recording) Filter(path string) *specs.LinuxSeccomp {
	filter, names := *r.base, unheard()
	filter.ListenerPath = path
	filter.Syscalls = nil
	isUnheard := func(name string) bool { return slices.Contains(names, name) }
	isHeard := func(name string) bool { return !isUnheard(name) }
	for _, rule := range r.base.Syscalls {
		if !recorded(rule) {
			filter.Syscalls = append(filter.Syscalls, rule)
			continue
		}
		told := rule
		told.Action, told.ErrnoRet = specs.ActNotify, nil
		told.Names = slices.DeleteFunc(slices.Clone(rule.Names), isUnheard)
		rule.Names = slices.DeleteFunc(slices.Clone(rule.Names), isHeard)
		for _, part := range []specs.LinuxSyscall{told, rule} {
			if len(part.Names) > 0 {
				filter.Syscalls = append(filter.Syscalls, part)
			}
		}
	}
	return &filter
}

// recorded tells of a rule whose calls a listener can decide on in its place.
func recorded(rule specs.LinuxSyscall) bool {
	return passes(rule.Action) || rule.Action == specs.ActErrno
}

// Saw notes a call that the listener was told of, and tells the answer: the error
// number that the profile has for it, or 0 to let it go on. It may be called from several
// goroutines.
func (r *Recording) Saw(arch specs.Arch, name string, args []uint64) unix.Errno {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer, seen := r.plain[callOn{arch, name}]; seen {
		return answer
	}
	r.archs[arch] = true
	i := r.rule(name, args)
	if i < 0 {
		return 0 // only a rule has it told
	}
	r.seen[use{i, name}] = true
	rule, answer := r.base.Syscalls[i], unix.Errno(0)
	if rule.Action == specs.ActErrno {
		answer = unix.Errno(errnoOf(rule))
	}
	if len(rule.Args) == 0 {
		r.plain[callOn{arch, name}] = answer
	}
	return answer
}

// rule finds the rule of base that decides on a call, by libseccomp's order: one
// without arguments wins.
func (r *Recording) rule(name string, args []uint64) int {
	found := -1
	for i, rule := range r.base.Syscalls {
		if !slices.Contains(rule.Names, name) || !matches(rule.Args, args) {
			continue
		}
		found = i
		if len(rule.Args) == 0 {
			break
		}
	}
	return found
}

// matches tells whether a rule's comparisons hold for a call's arguments;
// seccomp_rule_add(3) has what each does.
func matches(conditions []specs.LinuxSeccompArg, args []uint64) bool {
	for _, c := range conditions {
		if c.Index >= uint(len(args)) || !compares(c, args[c.Index]) {
			return false
		}
	}
	return true
}

func compares(c specs.LinuxSeccompArg, arg uint64) bool {
	switch c.Op {
	case specs.OpEqualTo:
		return arg == c.Value
	case specs.OpNotEqual:
		return arg != c.Value
	case specs.OpLessThan:
		return arg < c.Value
	case specs.OpLessEqual:
		return arg <= c.Value
	case specs.OpGreaterThan:
		return arg > c.Value
	case specs.OpGreaterEqual:
		return arg >= c.Value
	case specs.OpMaskedEqual:
		return arg&c.Value == c.ValueTwo
	}
	return false
}

// Calls is how many different calls were seen and let through.
func (r *Recording) Calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]bool{}
	for u := range r.seen {
		if passes(r.base.Syscalls[u.rule].Action) {
			names[u.name] = true
		}
	}
	return len(names)
}

// Profile is the smallest profile for what was seen, with what a runtime's own
// init does between the filter and the program whether it was seen or not.
func (r *Recording) Profile() *specs.LinuxSeccomp {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := *r.base
	if len(r.archs) > 0 {
		p.Architectures = slices.DeleteFunc(slices.Clone(r.base.Architectures), func(a specs.Arch) bool { return !r.archs[a] })
	}
	p.Syscalls = nil
	for i, rule := range r.base.Syscalls {
		if recorded(rule) {
			rule.Names = slices.DeleteFunc(slices.Clone(rule.Names), func(name string) bool {
				return !r.seen[use{i, name}] && !slices.Contains(initCalls(), name)
			})
		}
		if len(rule.Names) > 0 {
			p.Syscalls = append(p.Syscalls, rule)
		}
	}
	return tidy(&p)
}

// CountAllowed is how many system calls a profile names that it lets through.
func CountAllowed(p *specs.LinuxSeccomp) int {
	names := map[string]bool{}
	for _, rule := range p.Syscalls {
		if passes(rule.Action) {
			for _, name := range rule.Names {
				names[name] = true
			}
		}
	}
	return len(names)
}
