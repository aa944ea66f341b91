package supervisor

import (
	"errors"
	"path/filepath"

	"blackhole/internal/atomicfile"
)

// Paths is where a supervisor keeps its things. There is one supervisor for a
// state folder.
type Paths struct {
	// Root is the containers' state folder (runtime.Runtime.Root).
	Root string
	// Logs is the folder of the services' output and of the event log.
	Logs string
}

// DefaultLogs is where logs go for a state folder: to the usual place for the
// usual one, else below it, so that two supervisors never share.
func DefaultLogs(root string) string {
	if root == "/run/blackhole" {
		return "/var/log/blackhole"
	}
	return filepath.Join(root, folderName, "log")
}

// folderName is the supervisor's own folder in the state folder; @ cannot be
// part of a container's id.
const folderName = "@supervisor"

func (p Paths) dir() string     { return filepath.Join(p.Root, folderName) }
func (p Paths) lock() string    { return filepath.Join(p.dir(), "lock") }
func (p Paths) socket() string  { return filepath.Join(p.dir(), "control.sock") }
func (p Paths) saved() string   { return filepath.Join(p.dir(), "state.json") }
func (p Paths) applied() string { return filepath.Join(p.dir(), "applied.yaml") }
func (p Paths) bundles() string { return filepath.Join(p.dir(), "bundles") }
func (p Paths) bundle(service string) string {
	return filepath.Join(p.bundles(), service)
}

// container is where the runtime keeps a service's container.
func (p Paths) container(service string) string { return filepath.Join(p.Root, service) }

func (p Paths) log(service string) string { return filepath.Join(p.Logs, service+".log") }
func (p Paths) events() string            { return filepath.Join(p.Logs, eventsName) }

// eventsName is the event log's; no service's log ends so.
const eventsName = "events.jsonl"

// sweep removes what a supervisor that was killed while it wrote left beside its
// files. It is for whoever has the lock.
func (p Paths) sweep() error {
	return errors.Join(atomicfile.Sweep(p.saved()), atomicfile.Sweep(p.applied()), p.History().Sweep())
}
