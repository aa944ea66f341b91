package profiles

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Merge is the profile that lets through what any of the given ones does. They
// must agree on what happens to everything else, as recordings under one profile do.
func Merge(first *specs.LinuxSeccomp, others ...*specs.LinuxSeccomp) (*specs.LinuxSeccomp, error) {
	merged := *first
	for _, p := range others {
		fallback := specs.LinuxSyscall{Action: p.DefaultAction, ErrnoRet: p.DefaultErrnoRet}
		if ours := (specs.LinuxSyscall{Action: merged.DefaultAction, ErrnoRet: merged.DefaultErrnoRet}); !sameResult(fallback, ours) {
			return nil, fmt.Errorf("cannot merge profiles: what they do not name has %s in one and %s in the other", result(ours), result(fallback))
		}
		merged.Architectures = slices.Concat(merged.Architectures, p.Architectures)
		merged.Flags = slices.Concat(merged.Flags, p.Flags)
		merged.Syscalls = slices.Concat(merged.Syscalls, p.Syscalls)
	}
	tidied := tidy(&merged)
	if err := check(tidied); err != nil {
		return nil, fmt.Errorf("cannot merge profiles: %w", err)
	}
	return tidied, nil
}

func result(rule specs.LinuxSyscall) string {
	if rule.Action == specs.ActErrno {
		return fmt.Sprintf("%s %d", rule.Action, errnoOf(rule))
	}
	return string(rule.Action)
}

// tidy gives a profile its one form: a rule for each set of arguments and
// result, those without arguments first, names in order, nothing twice. What a
// rule without arguments lets through needs no others that do the same.
func tidy(p *specs.LinuxSeccomp) *specs.LinuxSeccomp {
	out := *p
	out.Architectures = sortedSet(p.Architectures)
	if p.Flags != nil { // none is not unset
		out.Flags = sortedSet(p.Flags)
	}
	out.Syscalls = nil
	for _, rule := range p.Syscalls {
		i := slices.IndexFunc(out.Syscalls, func(other specs.LinuxSyscall) bool {
			return sameResult(rule, other) && slices.Equal(rule.Args, other.Args)
		})
		if i < 0 {
			rule.Names = slices.Clone(rule.Names)
			out.Syscalls = append(out.Syscalls, rule)
		} else {
			out.Syscalls[i].Names = append(out.Syscalls[i].Names, rule.Names...)
		}
	}
	slices.SortStableFunc(out.Syscalls, byArgs)
	for i := range out.Syscalls {
		rule := &out.Syscalls[i]
		rule.Names = sortedSet(rule.Names)
		if len(rule.Args) > 0 {
			rule.Names = slices.DeleteFunc(rule.Names, func(name string) bool {
				return slices.ContainsFunc(out.Syscalls[:i], func(other specs.LinuxSyscall) bool {
					return len(other.Args) == 0 && sameResult(*rule, other) && slices.Contains(other.Names, name)
				})
			})
		}
	}
	out.Syscalls = slices.DeleteFunc(out.Syscalls, func(rule specs.LinuxSyscall) bool { return len(rule.Names) == 0 })
	return &out
}

func sortedSet[T cmp.Ordered](words []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}

// byArgs orders rules: fewer comparisons first, then by what they compare, then
// what lets through before what blocks.
func byArgs(a, b specs.LinuxSyscall) int {
	return cmp.Or(
		cmp.Compare(len(a.Args), len(b.Args)),
		slices.CompareFunc(a.Args, b.Args, func(x, y specs.LinuxSeccompArg) int {
			return cmp.Or(cmp.Compare(x.Index, y.Index), cmp.Compare(x.Op, y.Op),
				cmp.Compare(x.Value, y.Value), cmp.Compare(x.ValueTwo, y.ValueTwo))
		}),
		cmp.Compare(a.Action, b.Action),
		cmp.Compare(errnoOf(a), errnoOf(b)),
	)
}

// check reads a profile as Load would.
func check(p *specs.LinuxSeccomp) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	parsed, err := parse(data)
	if err != nil {
		return err
	}
	return trial(parsed)
}

// Marshal is a profile as a file: the OCI's linux.seccomp object, as this
// package and other engines read it.
func Marshal(p *specs.LinuxSeccomp) ([]byte, error) {
	data, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}
