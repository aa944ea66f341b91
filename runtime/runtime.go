// Package runtime is the life of an OCI container on libcontainer: create,
// start, exec, kill, pause, checkpoint, delete and the rest, one file a verb.
//
// It keeps what it knows in files below Runtime.Root, so that each verb may be
// called by another process than the one before; it is equally at home inside
// one process that does them all. It neither exits nor changes the working
// directory, and it logs only what libcontainer itself logs (through logrus).
// Hooks run in the working directory of the calling process.
//
// A program that imports it becomes, when libcontainer starts it again under
// the name "init", the first process of the container: see init.go.
package runtime

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runc/libcontainer"
)

// Runtime is where containers are kept and how their cgroups are managed.
// Root alone must be set. Its methods may be called at the same time from
// several goroutines and processes.
type Runtime struct {
	// Root is the folder that holds a folder for each container, absolute;
	// best on a tmpfs, for nothing in it outlives a reboot.
	Root string
	// SystemdCgroup asks systemd for cgroups; cgroupsPath is then
	// "slice:prefix:name".
	SystemdCgroup bool
	// Rootless is whether a lack of permission on cgroups is borne; nil finds
	// it out from the user and the user namespace.
	Rootless *bool
	// Compiled is a folder of this user's that keeps compiled seccomp profiles for
	// the commands that follow, a few dozen at most, best on a tmpfs; empty keeps them
	// in this process alone. Whoever can write there can change what a container may do.
	Compiled string
	// Network does the work of this program's own hooks; nil runs them as any
	// other.
	Network Network
	// Warn is told what went wrong without making the operation fail: a
	// poststop hook, an unreadable container among those listed. Nil drops it.
	Warn func(error)
}

func (r *Runtime) warn(err error) {
	if err != nil && r.Warn != nil {
		r.Warn(err)
	}
}

// checkID refuses what libcontainer refuses, before the id becomes part of a
// path of ours.
func checkID(id string) error {
	if id == "" {
		return errors.New("container id cannot be empty")
	}
	if id == "." || id == ".." {
		return libcontainer.ErrInvalidID
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '_', c == '+', c == '-', c == '.':
		default:
			return fmt.Errorf("%w: character %q is not a letter, a digit or one of _+-.", libcontainer.ErrInvalidID, c)
		}
	}
	return nil
}
