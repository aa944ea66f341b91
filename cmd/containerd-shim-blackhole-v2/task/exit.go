package task

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	eventtypes "github.com/containerd/containerd/api/events"
	"github.com/containerd/log"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/timestamppb"

	"blackhole/internal/atomicfile"
)

const killSignal = unix.SIGKILL

// unknownExit is the code of a process whose end cannot be found out.
const unknownExit = 255

// attend watches over a container from its creation on, which has been told.
func (s *Service) attend(c *container) {
	var err error
	c.memory, err = c.runtime.WatchKills(c.id, func(n uint64) {
		for range n {
			s.events.send(&eventtypes.TaskOOM{ContainerID: c.id})
		}
	})
	if err != nil {
		warn(c.id)(err) // such as a host without the memory controller
	}
	go s.awaitInit(c)
}

// awaitInit reaps a container's first process. Its exit is the last event of the
// container but its deletion.
func (s *Service) awaitInit(c *container) {
	code, at := reap(c.init, c.id)
	c.end()
	if !c.ownPids {
		// Nothing in the kernel ends the others.
		_ = c.runtime.Kill(c.id, killSignal)
	}
	c.running.Wait()
	c.init.life.Lock() // its start may still have to be told
	defer c.init.life.Unlock()
	if c.memory != nil {
		c.memory.Look()
		c.memory.Close()
	}
	if err := saveExit(c.bundle, Exit{code, at}); err != nil {
		warn(c.id)(err)
	}
	s.exited(c, c.init, code, at)
}

func (s *Service) awaitExec(c *container, p *process) {
	defer c.running.Done()
	code, at := reap(p, c.id)
	p.life.Lock()
	defer p.life.Unlock()
	s.exited(c, p, code, at)
}

func reap(p *process, container string) (code uint32, at time.Time) {
	n, err := p.handle.Wait()
	at = time.Now()
	if err != nil {
		log.L.WithError(err).Errorf("cannot tell how process %q of container %q ended", p.id, container)
		n = unknownExit
	}
	return uint32(n), at
}

func (s *Service) exited(c *container, p *process, code uint32, at time.Time) {
	p.streams.Hangup()
	_, pid, _, _ := p.look()
	s.events.send(&eventtypes.TaskExit{
		ContainerID: c.id, ID: p.id, Pid: uint32(pid), ExitStatus: code, ExitedAt: timestamppb.New(at),
	})
	p.ended(code, at)
}

// Exit is how a container's first process ended.
type Exit struct {
	Code uint32    `json:"code"`
	At   time.Time `json:"at"`
}

type savedExit struct {
	Version int `json:"version"`
	Exit
}

// exitFile is in the bundle, for whoever removes the container after the shim
// has died.
const exitFile = "exit.json"

func saveExit(bundle string, e Exit) error {
	data, err := json.Marshal(savedExit{filesVersion, e})
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(bundle, exitFile), data, 0o600)
}

// LoadExit tells how a container's first process ended, if a shim has seen it.
func LoadExit(bundle string) (e Exit, known bool, err error) {
	path := filepath.Join(bundle, exitFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return e, false, nil
	}
	var saved savedExit
	if err == nil {
		err = readVersioned(path, data, &saved)
	}
	return saved.Exit, err == nil, err
}

// warn logs what went wrong with a container without making a call fail.
func warn(id string) func(error) {
	return func(err error) { log.L.WithField("container", id).Warn(err) }
}
