package main

import (
	"os"
	"slices"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/hooks"
)

// ownHooks lets the runtime do in this process what this program's hooks do.
type ownHooks struct {
	hooks.Network
	program os.FileInfo // what they run, nil if it cannot be looked at
}

// bookPatience is what a bundle's hooks have as their time, see hooks/params.
const bookPatience = 60 * time.Second

func newOwnHooks() *ownHooks {
	h := &ownHooks{Network: hooks.Network{Patience: bookPatience}}
	path := "/proc/self/exe" // which an upgrade does not replace
	if self, err := os.Executable(); err == nil {
		if other, err := hookProgram(); err == nil && other != self {
			path = other // installed together, so it is of this build as long as it is the same file
		}
	}
	h.program, _ = os.Stat(path)
	return h
}

// Own: a hook of this very program. One of another build, before or after an
// upgrade, is run as a process.
func (h *ownHooks) Own(hook specs.Hook, kind string) bool {
	if !slices.Equal(hook.Args, []string{"blackhole", "hook", kind}) || len(hook.Env) > 0 {
		return false
	}
	its, err := os.Stat(hook.Path)
	return err == nil && h.program != nil && os.SameFile(its, h.program)
}
