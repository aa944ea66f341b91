package runtime

import (
	"fmt"

	"github.com/opencontainers/runc/libcontainer/seccomp"
)

// SeccompVersion is the version of libseccomp that is linked in, or empty.
func SeccompVersion() string {
	major, minor, micro := seccomp.Version()
	if major+minor+micro == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", major, minor, micro)
}
