//go:build cgo && seccomp

package profiles

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
)

// isSyscall tells whether any architecture that libseccomp knows has the call.
func isSyscall(name string) bool {
	_, err := libseccomp.GetSyscallFromName(name)
	return err == nil
}

// syscallNames lists this machine's calls.
func syscallNames() []string {
	var names []string
	for n := range 1024 { // the tables end near 470, with a hole below 424
		if name, err := libseccomp.ScmpSyscall(n).GetName(); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// trial compiles the filter as libcontainer will, and throws it away. It finds
// what libseccomp refuses: architectures of both byte orders, too many rules.
func trial(p *specs.LinuxSeccomp) error {
	filter, err := compile(p)
	if err != nil {
		return err
	}
	filter.Release()
	return nil
}

// compile makes the filter of a profile, in the order and with the exceptions
// of libcontainer's seccomp.InitSeccomp. The caller releases it.
func compile(p *specs.LinuxSeccomp) (_ *libseccomp.ScmpFilter, err error) {
	fallback := specs.LinuxSyscall{Action: p.DefaultAction, ErrnoRet: p.DefaultErrnoRet}
	filter, err := libseccomp.NewFilter(scmpAction(fallback))
	if err != nil {
		return nil, fmt.Errorf("libseccomp refuses defaultAction %s: %w", p.DefaultAction, err)
	}
	defer func() {
		if err != nil {
			filter.Release()
		}
	}()
	for _, arch := range p.Architectures {
		if err := filter.AddArch(scmpArch(arch)); err != nil {
			return nil, fmt.Errorf("libseccomp refuses architecture %s: %w", arch, err)
		}
	}
	for _, rule := range p.Syscalls {
		if sameResult(rule, fallback) {
			continue
		}
		conditions, err := scmpConditions(rule.Args)
		if err != nil {
			return nil, err
		}
		for _, name := range rule.Names {
			number, err := libseccomp.GetSyscallFromName(name)
			if err != nil {
				continue // newer than libseccomp
			}
			if len(conditions) == 0 {
				err = filter.AddRule(number, scmpAction(rule))
			} else {
				err = filter.AddRuleConditional(number, scmpAction(rule), conditions)
			}
			if err != nil {
				return nil, fmt.Errorf("libseccomp refuses the rule for %s: %w", name, err)
			}
		}
	}
	return filter, nil
}

func scmpConditions(args []specs.LinuxSeccompArg) ([]libseccomp.ScmpCondition, error) {
	var conditions []libseccomp.ScmpCondition
	for _, arg := range args {
		c, err := libseccomp.MakeCondition(arg.Index, scmpOperator(arg.Op), arg.Value, arg.ValueTwo)
		if err != nil {
			return nil, fmt.Errorf("libseccomp refuses comparison %s of argument %d: %w", arg.Op, arg.Index, err)
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

func scmpAction(rule specs.LinuxSyscall) libseccomp.ScmpAction {
	switch rule.Action {
	case specs.ActAllow:
		return libseccomp.ActAllow
	case specs.ActErrno:
		return libseccomp.ActErrno.SetReturnCode(int16(errnoOf(rule)))
	case specs.ActTrace:
		return libseccomp.ActTrace.SetReturnCode(int16(errnoOf(rule)))
	case specs.ActLog:
		return libseccomp.ActLog
	case specs.ActNotify:
		return libseccomp.ActNotify
	case specs.ActTrap:
		return libseccomp.ActTrap
	case specs.ActKillProcess:
		return libseccomp.ActKillProcess
	default:
		return libseccomp.ActKillThread // the OCI's SCMP_ACT_KILL too
	}
}

func scmpOperator(op specs.LinuxSeccompOperator) libseccomp.ScmpCompareOp {
	return map[specs.LinuxSeccompOperator]libseccomp.ScmpCompareOp{
		specs.OpEqualTo:      libseccomp.CompareEqual,
		specs.OpNotEqual:     libseccomp.CompareNotEqual,
		specs.OpLessThan:     libseccomp.CompareLess,
		specs.OpLessEqual:    libseccomp.CompareLessOrEqual,
		specs.OpGreaterThan:  libseccomp.CompareGreater,
		specs.OpGreaterEqual: libseccomp.CompareGreaterEqual,
		specs.OpMaskedEqual:  libseccomp.CompareMaskedEqual,
	}[op]
}

func scmpArch(arch specs.Arch) libseccomp.ScmpArch {
	return map[specs.Arch]libseccomp.ScmpArch{
		specs.ArchX86: libseccomp.ArchX86, specs.ArchX86_64: libseccomp.ArchAMD64, specs.ArchX32: libseccomp.ArchX32,
		specs.ArchARM: libseccomp.ArchARM, specs.ArchAARCH64: libseccomp.ArchARM64,
		specs.ArchMIPS: libseccomp.ArchMIPS, specs.ArchMIPS64: libseccomp.ArchMIPS64, specs.ArchMIPS64N32: libseccomp.ArchMIPS64N32,
		specs.ArchMIPSEL: libseccomp.ArchMIPSEL, specs.ArchMIPSEL64: libseccomp.ArchMIPSEL64, specs.ArchMIPSEL64N32: libseccomp.ArchMIPSEL64N32,
		specs.ArchPPC: libseccomp.ArchPPC, specs.ArchPPC64: libseccomp.ArchPPC64, specs.ArchPPC64LE: libseccomp.ArchPPC64LE,
		specs.ArchRISCV64: libseccomp.ArchRISCV64, specs.ArchS390: libseccomp.ArchS390, specs.ArchS390X: libseccomp.ArchS390X,
		specs.ArchLOONGARCH64: libseccomp.ArchLOONGARCH64,
	}[arch]
}

// SyscallName is the name of a call of this machine by its number, empty if
// libseccomp does not know it.
func SyscallName(number int) string {
	name, err := libseccomp.ScmpSyscall(number).GetName()
	if err != nil {
		return ""
	}
	return name
}
