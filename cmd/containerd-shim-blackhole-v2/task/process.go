package task

import (
	"sync"
	"time"

	"github.com/containerd/containerd/api/types/task"
	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/cmd/containerd-shim-blackhole-v2/stdio"
	"blackhole/runtime"
)

// process is a container's first one, or one that was added by Exec.
type process struct {
	id     string // the container's, or the exec's
	config stdio.Config
	spec   *specs.Process // of an exec

	// life is held while it is created, started, paused or deleted, up to when
	// that is told: so its exit is not told before its start.
	life    sync.Mutex
	streams *stdio.Streams   // nil before there are any
	handle  *runtime.Process // nil before it runs
	deleted bool

	mu     sync.Mutex
	status task.Status
	pid    int
	code   uint32
	exited time.Time
	done   chan struct{} // closed at its end
}

func newProcess(id string, config stdio.Config) *process {
	return &process{id: id, config: config, status: task.Status_CREATED, done: make(chan struct{})}
}

// begun takes note of a process that is there.
func (p *process) begun(handle *runtime.Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handle, p.pid = handle, handle.Pid()
}

// set changes the status, but for that of a process which has ended.
func (p *process) set(status task.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != task.Status_STOPPED {
		p.status = status
	}
}

// ended takes note of the end and lets go those that wait for it.
func (p *process) ended(code uint32, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.code, p.exited = task.Status_STOPPED, code, at
	close(p.done)
}

// look is what is known of it now.
func (p *process) look() (status task.Status, pid int, code uint32, exited time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status, p.pid, p.code, p.exited
}
