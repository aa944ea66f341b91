package profiles

import (
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// checker judges what a reader reads.
type checker struct {
	r            *reader
	rules        []placedRule // one for each of the profile's syscalls
	defaultErrno int          // offset
}

// placedRule says where a rule's parts stand, as offsets.
type placedRule struct {
	path  string
	names []int
	errno int
}

// The words of the OCI that libcontainer knows; the OCI has more architectures.

func actions() []specs.LinuxSeccompAction {
	return []specs.LinuxSeccompAction{
		specs.ActAllow, specs.ActErrno, specs.ActKill, specs.ActKillProcess, specs.ActKillThread,
		specs.ActLog, specs.ActNotify, specs.ActTrace, specs.ActTrap,
	}
}

func operators() []specs.LinuxSeccompOperator {
	return []specs.LinuxSeccompOperator{
		specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual,
		specs.OpGreaterThan, specs.OpGreaterEqual, specs.OpMaskedEqual,
	}
}

func archs() []specs.Arch {
	return []specs.Arch{
		specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64,
		specs.ArchMIPS, specs.ArchMIPS64, specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32,
		specs.ArchPPC, specs.ArchPPC64, specs.ArchPPC64LE, specs.ArchRISCV64, specs.ArchS390, specs.ArchS390X, specs.ArchLOONGARCH64,
	}
}

func flags() []specs.LinuxSeccompFlag {
	return []specs.LinuxSeccompFlag{
		specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagWaitKillableRecv,
		"SECCOMP_FILTER_FLAG_TSYNC", // not the OCI's, but libcontainer lets it pass
	}
}

// oneOf reads a word of a list.
func oneOf[T ~string](r *reader, at, what string, words []T) T {
	word, ok := r.str(at)
	if ok && !slices.Contains(words, T(word)) {
		r.fault(at, "unknown %s %q%s", what, word, didYouMean(word, words))
	}
	return T(word)
}

func (c *checker) action(at string) specs.LinuxSeccompAction {
	return oneOf(c.r, at, "action", actions())
}

func (c *checker) operator(at string) specs.LinuxSeccompOperator {
	return oneOf(c.r, at, "operator", operators())
}

func (c *checker) arch(at string) specs.Arch { return oneOf(c.r, at, "architecture", archs()) }

func (c *checker) flag(at string) specs.LinuxSeccompFlag { return oneOf(c.r, at, "flag", flags()) }

func (c *checker) errno(at string) *uint {
	n := uint(c.r.uint(at, maxErrno))
	return &n
}

func (c *checker) listener(at string) string {
	path, ok := c.r.str(at)
	if ok && !filepath.IsAbs(path) {
		c.r.fault(at, "%q is not an absolute path", path)
	}
	return path
}

// takesErrno refuses an errno that would go nowhere, as the OCI demands
// (config-linux.md, "errnoRet").
func (c *checker) takesErrno(offset int, at string, action specs.LinuxSeccompAction, errno *uint) {
	if errno != nil && action != "" && action != specs.ActErrno && action != specs.ActTrace {
		c.r.faultAt(offset, at, "%d is for nothing: %s returns no error number", *errno, action)
	}
}
