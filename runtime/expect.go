package runtime

import (
	"encoding/json"
	"io"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"

	"blackhole/internal/headroom"
)

// Expect begins, beside whatever its caller does first, what Create, Run and Restore would
// have to wait for, and returns at once. Nothing depends on it; they do it themselves.
func Expect() {
	go headroom.Threads(threadsNeeded)
	// The JSON library looks at a type and all below it when it first meets it: half a
	// millisecond for libcontainer's configuration, which is written twice.
	go func() { _ = json.NewEncoder(io.Discard).Encode(new(libcontainer.State)) }()
	// Elsewhere most first processes are born in their cgroups (package birth), which the move
	// of this one would keep waiting; where one is not, Create expects it itself.
	if cgroups.IsCgroup2UnifiedMode() {
		expectAttach()
	}
}
