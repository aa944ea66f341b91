package runtime

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	// The cgroup managers refuse device rules unless this is linked in.
	_ "github.com/opencontainers/cgroups/devices"
	// Its C constructor enters the container's namespaces before Go starts.
	_ "github.com/opencontainers/runc/libcontainer/nsenter"

	"blackhole/runtime/filter"
)

// A container's first process is this same binary, started by libcontainer
// with the argument "init" and its pipes named in the environment. It has to
// leave the ordinary path before main; this is the one package that must work
// at init. Without the pipes "init" is an argument like any other.
func init() {
	if len(os.Args) > 1 && os.Args[1] == "init" && os.Getenv("_LIBCONTAINER_INITPIPE") != "" {
		go meetTypes()
		first := keepDescriptors()
		if !expectFilter(first - 1) {
			expectFilter(first - 2) // the last may have been the note of package birth
		}
		libcontainer.Init() // does not return
	}
}

// meetTypes has the JSON library look at the types of libcontainer's configuration, which
// takes it half a millisecond, beside what is done before one is read.
func meetTypes() { _ = json.NewEncoder(io.Discard).Encode(new(libcontainer.State)) }

// keepDescriptors: the pipes to the creator and the binary itself are not for
// createContainer hooks, which this process runs long before libcontainer closes
// all for the program. What the program is to have has lower numbers than the first of
// them.
func keepDescriptors() (first int) {
	first = math.MaxInt
	for _, name := range []string{"_LIBCONTAINER_CONSOLE", "_LIBCONTAINER_INITPIPE"} {
		if fd, err := strconv.Atoi(os.Getenv(name)); err == nil {
			first = min(first, fd)
		}
	}
	if first < math.MaxInt {
		// Before Linux 5.11 they stay, as they do with runc.
		_ = unix.CloseRange(uint(first), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	}
	return first
}

// expectFilter takes the compiled seccomp profile that compiledFilter.handOn gave, if
// it did.
func expectFilter(fd int) bool {
	if fd < 3 {
		return false
	}
	p, ok := filter.Take(fd)
	if ok {
		filter.Expect(p)
	}
	return ok
}
