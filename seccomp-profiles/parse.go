package profiles

import (
	"math"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// maxErrno is the highest number that the kernel takes for an error (MAX_ERRNO
// in include/linux/err.h); seccomp cuts a higher one down to it.
const maxErrno = 4095

// maxArg is the last argument's index: a system call has six.
const maxArg = 5

// parse reads a profile. Its error is everything that is wrong, in the order of
// the file but for what only the whole tells.
func parse(data []byte) (*specs.LinuxSeccomp, error) {
	r, err := newReader(blankComments(data))
	if err != nil {
		return nil, err
	}
	var (
		p = &specs.LinuxSeccomp{}
		c = &checker{r: r}
	)
	seen, start := r.object("", map[string]func(string){
		"defaultAction":   func(at string) { p.DefaultAction = c.action(at) },
		"defaultErrnoRet": func(at string) { p.DefaultErrnoRet = c.errno(at); c.defaultErrno = r.at },
		"architectures": func(at string) {
			r.array(at, func(at string) { p.Architectures = append(p.Architectures, c.arch(at)) })
		},
		"flags": func(at string) {
			p.Flags = []specs.LinuxSeccompFlag{} // none is not unset: unset takes the runtime's own
			r.array(at, func(at string) { p.Flags = append(p.Flags, c.flag(at)) })
		},
		"listenerPath":     func(at string) { p.ListenerPath = c.listener(at) },
		"listenerMetadata": func(at string) { p.ListenerMetadata, _ = r.str(at) },
		"syscalls": func(at string) {
			r.array(at, func(at string) { p.Syscalls = append(p.Syscalls, c.rule(at)) })
		},
	})
	if seen != nil {
		c.whole(p, seen, start)
	}
	if err := r.faults.orNil(); err != nil {
		return nil, err
	}
	return p, nil
}

// rule reads one element of syscalls.
func (c *checker) rule(at string) specs.LinuxSyscall {
	var (
		rule   specs.LinuxSyscall
		placed = placedRule{path: at}
		r      = c.r
	)
	seen, start := r.object(at, map[string]func(string){
		"names": func(at string) {
			r.array(at, func(at string) {
				name, ok := r.str(at)
				if ok && name == "" {
					r.fault(at, "empty name")
				}
				rule.Names = append(rule.Names, name)
				placed.names = append(placed.names, r.at)
			})
		},
		"action":   func(at string) { rule.Action = c.action(at) },
		"errnoRet": func(at string) { rule.ErrnoRet = c.errno(at); placed.errno = r.at },
		"args": func(at string) {
			r.array(at, func(at string) {
				rule.Args = append(rule.Args, c.argument(at, rule.Args))
			})
		},
	})
	if seen != nil && len(rule.Names) == 0 {
		r.faultAt(start, at, "no names: a rule is about one system call or more")
	}
	if seen != nil && !seen["action"] {
		r.faultAt(start, at, "no action")
	}
	c.takesErrno(placed.errno, at+".errnoRet", rule.Action, rule.ErrnoRet)
	c.rules = append(c.rules, placed)
	return rule
}

// argument reads one comparison of a rule that has others already.
func (c *checker) argument(at string, others []specs.LinuxSeccompArg) specs.LinuxSeccompArg {
	var (
		arg      specs.LinuxSeccompArg
		valueTwo int
		r        = c.r
	)
	seen, start := r.object(at, map[string]func(string){
		"index":    func(at string) { arg.Index = uint(r.uint(at, maxArg)) },
		"value":    func(at string) { arg.Value = r.uint(at, math.MaxUint64) },
		"valueTwo": func(at string) { arg.ValueTwo = r.uint(at, math.MaxUint64); valueTwo = r.at },
		"op":       func(at string) { arg.Op = c.operator(at) },
	})
	if seen == nil {
		return arg
	}
	for _, key := range []string{"index", "value", "op"} {
		if !seen[key] {
			r.faultAt(start, at, "no %s", key)
		}
	}
	if arg.ValueTwo != 0 && arg.Op != specs.OpMaskedEqual {
		r.faultAt(valueTwo, at+".valueTwo", "%d is for nothing: only %s has a second value", arg.ValueTwo, specs.OpMaskedEqual)
	}
	if slices.ContainsFunc(others, func(o specs.LinuxSeccompArg) bool { return o.Index == arg.Index }) {
		// libcontainer makes a rule of each comparison then: "above 1" and
		// "below 5" would allow everything.
		r.faultAt(start, at, "argument %d is compared twice: the two would be alternatives, write a rule for each", arg.Index)
	}
	return arg
}
