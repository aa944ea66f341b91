package runtime

import (
	"os"

	"github.com/opencontainers/runc/libcontainer"

	// The cgroup managers refuse device rules unless this is linked in.
	_ "github.com/opencontainers/cgroups/devices"
	// Its C constructor enters the container's namespaces before Go starts.
	_ "github.com/opencontainers/runc/libcontainer/nsenter"
)

// A container's first process is this same binary, started by libcontainer
// with the argument "init" and its pipes named in the environment. It has to
// leave the ordinary path before main; this is the one package that must work
// at init. Without the pipes "init" is an argument like any other.
func init() {
	if len(os.Args) > 1 && os.Args[1] == "init" && os.Getenv("_LIBCONTAINER_INITPIPE") != "" {
		libcontainer.Init() // does not return
	}
}
