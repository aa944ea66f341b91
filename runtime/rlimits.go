package runtime

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// What libcontainer's init needs for itself: the program's rlimits hold for it
// already while it sets up the rest. Measured on amd64; a Go program maps far
// more than it uses.
const (
	initAddressSpace = 2 << 30   // RLIMIT_AS
	initData         = 128 << 20 // RLIMIT_DATA
)

// explainRlimits adds the likely cause to the error of a start that ran out of
// memory under the program's own rlimits: init names whatever it was about to do.
func explainRlimits(err error, p *specs.Process) error {
	for _, limit := range p.Rlimits {
		least := map[string]uint64{"RLIMIT_AS": initAddressSpace, "RLIMIT_DATA": initData}[limit.Type]
		if limit.Soft < least {
			return fmt.Errorf("%w: %s %d may be too little to start with, it takes %d; limit memory by the cgroup instead", err, limit.Type, limit.Soft, least)
		}
	}
	return err
}
