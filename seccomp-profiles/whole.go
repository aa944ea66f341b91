package profiles

import (
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// whole judges what no part tells by itself. start is the profile's offset.
func (c *checker) whole(p *specs.LinuxSeccomp, seen map[string]bool, start int) {
	switch {
	case !seen["defaultAction"]:
		c.r.faultAt(start, "", "no defaultAction")
		return
	case !slices.Contains(actions(), p.DefaultAction):
		return // said already
	case p.DefaultAction == specs.ActNotify:
		// The runtime could not even write the listener's descriptor.
		c.r.faultAt(start, "defaultAction", "%s cannot be the default: the container's start would wait for itself", specs.ActNotify)
	}
	c.takesErrno(c.defaultErrno, "defaultErrnoRet", p.DefaultAction, p.DefaultErrnoRet)
	c.knownNames(p)
	c.listeners(p)
	c.conflicts(p)
	if !canExecve(p) {
		c.r.faultAt(start, "", "execve is blocked: no service could start")
	}
}

// each calls f for every name of every rule with the name's offset and path.
func (c *checker) each(p *specs.LinuxSeccomp, f func(rule specs.LinuxSyscall, name string, offset int, at string)) {
	for i, rule := range p.Syscalls {
		for j, name := range rule.Names {
			f(rule, name, c.rules[i].names[j], c.rules[i].path+".names["+strconv.Itoa(j)+"]")
		}
	}
}

// knownNames refuses system calls that do not exist: libcontainer leaves out
// what libseccomp does not know, and a slip in a name would block what was
// meant to work, or worse. A call of another architecture is fine, it means
// nothing here. One newer than libseccomp is fine where leaving its rule
// out keeps it blocked.
func (c *checker) knownNames(p *specs.LinuxSeccomp) {
	c.each(p, func(rule specs.LinuxSyscall, name string, offset int, at string) {
		if name == "" || isSyscall(name) {
			return
		}
		since, newer := newerSyscalls()[name]
		switch {
		case !newer:
			c.r.faultAt(offset, at, "unknown system call %q%s", name, didYouMean(name, syscallNames()))
		case passes(p.DefaultAction) && rule.Action != p.DefaultAction:
			c.r.faultAt(offset, at, "%q (Linux %s) is newer than this program's libseccomp, which would leave it unfiltered", name, since)
		}
	})
}

// listeners judges the rules that ask another process.
func (c *checker) listeners(p *specs.LinuxSeccomp) {
	c.each(p, func(rule specs.LinuxSyscall, name string, offset int, at string) {
		switch {
		case rule.Action != specs.ActNotify:
		case name == "write":
			c.r.faultAt(offset, at, "write cannot have %s: the runtime writes the listener's descriptor", specs.ActNotify)
		case p.ListenerPath == "":
			c.r.faultAt(offset, at, "%s needs listenerPath", specs.ActNotify)
		}
	})
}

// conflicts refuses rules that make one another void: libseccomp keeps one of
// them, says nothing, and the profile does not do what it reads.
func (c *checker) conflicts(p *specs.LinuxSeccomp) {
	type earlier struct {
		rule specs.LinuxSyscall
		path string
	}
	byName := map[string][]earlier{}
	fallback := specs.LinuxSyscall{Action: p.DefaultAction, ErrnoRet: p.DefaultErrnoRet}
	c.each(p, func(rule specs.LinuxSyscall, name string, offset int, at string) {
		if len(rule.Args) == 0 && sameResult(rule, fallback) {
			return // says "otherwise as ever" after rules with arguments
		}
		for _, e := range byName[name] {
			if sameResult(rule, e.rule) {
				continue
			}
			switch {
			case slices.Equal(rule.Args, e.rule.Args):
				c.r.faultAt(offset, at, "%s has another result for the same arguments in %s", name, e.path)
			case len(rule.Args) == 0 || len(e.rule.Args) == 0:
				c.r.faultAt(offset, at, "%s has another result in %s, and the rule without args would win for all arguments", name, e.path)
			}
		}
		if !slices.ContainsFunc(byName[name], func(e earlier) bool {
			return sameResult(rule, e.rule) && slices.Equal(rule.Args, e.rule.Args)
		}) {
			byName[name] = append(byName[name], earlier{rule, at})
		}
	})
}

// sameResult tells whether two rules' actions do the same.
func sameResult(a, b specs.LinuxSyscall) bool {
	return a.Action == b.Action && errnoOf(a) == errnoOf(b)
}

// errnoOf is a rule's error number; libcontainer's default is EPERM.
func errnoOf(rule specs.LinuxSyscall) uint {
	if rule.ErrnoRet != nil {
		return *rule.ErrnoRet
	}
	return uint(unix.EPERM)
}

// passes tells whether an action lets the call through, or may.
func passes(action specs.LinuxSeccompAction) bool {
	switch action {
	case specs.ActAllow, specs.ActLog, specs.ActTrace, specs.ActNotify:
		return true
	default:
		return false
	}
}

// canExecve tells whether the runtime's last step, which comes after the
// filter, has a way through.
func canExecve(p *specs.LinuxSeccomp) bool {
	allowed := passes(p.DefaultAction)
	for _, rule := range p.Syscalls {
		if !slices.Contains(rule.Names, "execve") {
			continue
		}
		if passes(rule.Action) {
			return true
		}
		if len(rule.Args) == 0 {
			allowed = false
		}
	}
	return allowed
}
