// Package profiles holds the seccomp profiles that a service can name, and
// reads profiles that operators wrote themselves.
package profiles

import (
	"embed"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The built-in profiles. Each file's header says what it blocks and why.
const (
	Default    = "default"
	Strict     = "strict"
	Unconfined = "unconfined" // no filter at all
)

//go:embed default.jsonc strict.jsonc
var files embed.FS

// Names lists the built-in profiles.
func Names() []string { return []string{Default, Strict, Unconfined} }

// Load returns a profile by its name, or reads the file at an absolute path:
// the object linux.seccomp of an OCI config.json, in which lines that begin
// with // are comments. It returns nil for Unconfined. Every call returns a
// profile of its own, that the caller may change.
//
// An error is one line with everything that is wrong, each fault with its line
// and column and the key or the system call. What Load accepts, libcontainer
// loads: it refuses what libcontainer would, and what libcontainer and
// libseccomp would leave out without a word.
func Load(name string) (*specs.LinuxSeccomp, error) {
	switch {
	case name == Unconfined:
		return nil, nil
	case slices.Contains(Names(), name):
		return builtIn(name)
	case filepath.IsAbs(name):
		data, err := readFile(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read seccomp profile %s: %w", name, err)
		}
		p, err := parse(data)
		if err == nil {
			err = trial(p)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot use seccomp profile %s: %w", name, err)
		}
		return p, nil
	default:
		return nil, fmt.Errorf("cannot find seccomp profile %q%s: it is %s, or the absolute path of a file",
			name, didYouMean(name, Names()), strings.Join(Names(), ", "))
	}
}

// builtIn is an embedded profile for the machine this program was built for.
// Reading one takes a millisecond, and a supervisor loads one three times for
// each of many services: it is read once and copied.
func builtIn(name string) (*specs.LinuxSeccomp, error) {
	read, _ := builtIns.LoadOrStore(name, sync.OnceValues(func() (*specs.LinuxSeccomp, error) { return readBuiltIn(name) }))
	p, err := read.(func() (*specs.LinuxSeccomp, error))()
	if err != nil {
		return nil, err
	}
	return clone(p), nil
}

var builtIns sync.Map

// clone copies what a caller of Load may change: all of it.
func clone(p *specs.LinuxSeccomp) *specs.LinuxSeccomp {
	c := *p
	c.DefaultErrnoRet = clonePointer(p.DefaultErrnoRet)
	c.Architectures, c.Flags = slices.Clone(p.Architectures), slices.Clone(p.Flags)
	c.Syscalls = slices.Clone(p.Syscalls)
	for i := range c.Syscalls {
		rule := &c.Syscalls[i]
		rule.Names, rule.Args = slices.Clone(rule.Names), slices.Clone(rule.Args)
		rule.ErrnoRet = clonePointer(rule.ErrnoRet)
	}
	return &c
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func readBuiltIn(name string) (*specs.LinuxSeccomp, error) {
	family, ok := families()[runtime.GOARCH]
	if !ok {
		// Their argument rules hold where clone's flags come first, which
		// s390x has otherwise, and nobody tried them elsewhere.
		return nil, fmt.Errorf("cannot use seccomp profile %s: it is not written for %s, give the path of one that is", name, runtime.GOARCH)
	}
	data, err := files.ReadFile(name + ".jsonc")
	if err != nil {
		return nil, err
	}
	p, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("cannot use seccomp profile %s: %w", name, err)
	}
	// libseccomp compiles the filter once for each architecture, at each start
	// of a container: only those that this kernel has entries for.
	p.Architectures = slices.DeleteFunc(p.Architectures, func(a specs.Arch) bool { return !slices.Contains(family, a) })
	return p, nil
}

// families says, by GOARCH, for which architectures a 64-bit kernel takes calls.
func families() map[string][]specs.Arch {
	return map[string][]specs.Arch{
		"amd64": {specs.ArchX86_64, specs.ArchX86},
		"arm64": {specs.ArchAARCH64, specs.ArchARM},
	}
}
