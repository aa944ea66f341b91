package task

import (
	"context"
	"fmt"
	"time"

	eventtypes "github.com/containerd/containerd/api/events"
	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// drainPatience of a process: how long its output is waited for once it has
// ended, for a child of its may hold it open.
const outputPatience = 10 * time.Second

// endPatience is how long a killed process may take to be gone.
const endPatience = 10 * time.Second

// Delete removes a container that has ended or was never started, or a process
// that Exec added.
func (s *Service) Delete(_ context.Context, r *api.DeleteRequest) (*api.DeleteResponse, error) {
	c, p, err := s.process(r.ID, r.ExecID)
	if err != nil {
		return nil, err
	}
	if p == c.init {
		err = s.deleteInit(c)
	} else {
		err = c.deleteExec(p)
	}
	if err != nil {
		return nil, err
	}
	_, pid, code, exited := p.look()
	answer := &api.DeleteResponse{Pid: uint32(pid), ExitStatus: code}
	if !exited.IsZero() {
		answer.ExitedAt = timestamppb.New(exited)
	}
	if p == c.init {
		s.events.send(&eventtypes.TaskDelete{
			ContainerID: c.id, Pid: answer.Pid, ExitStatus: code, ExitedAt: answer.ExitedAt,
		})
		s.remove(c.id)
	}
	return answer, nil
}

func (s *Service) deleteInit(c *container) error {
	if err := c.endUnstarted(); err != nil {
		return err
	}
	p := c.init
	p.life.Lock()
	defer p.life.Unlock()
	if err := p.mayDelete(c); err != nil {
		return err
	}
	if p.streams != nil && !p.streams.Drain(outputPatience) {
		warn(c.id)(fmt.Errorf("its output is still open after %s", outputPatience))
	}
	// Not there is no error: a checkpoint may have removed it.
	if err := c.runtime.Delete(c.id, true); err != nil {
		return err
	}
	if p.streams != nil {
		p.streams.Close()
	}
	if err := c.unmount(); err != nil {
		return fmt.Errorf("cannot unmount the root file system: %w", err)
	}
	p.deleted = true
	return nil
}

// endUnstarted kills a program that was never let run, and waits for its end to
// be told.
func (c *container) endUnstarted() error {
	status, pid, _, _ := c.init.look()
	if status != task.Status_CREATED || pid == 0 {
		return nil
	}
	if err := c.runtime.Kill(c.id, killSignal); err != nil {
		warn(c.id)(err) // it may just have ended
	}
	select {
	case <-c.init.done:
		return nil
	case <-time.After(endPatience):
		return fmt.Errorf("container %q is not gone %s after SIGKILL", c.id, endPatience)
	}
}

func (c *container) deleteExec(p *process) error {
	p.life.Lock()
	defer p.life.Unlock()
	if err := p.mayDelete(c); err != nil {
		return err
	}
	if p.streams != nil {
		if !p.streams.Drain(outputPatience) {
			warn(c.id)(fmt.Errorf("the output of exec %q is still open after %s", p.id, outputPatience))
		}
		p.streams.Close()
	}
	p.deleted = true
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.execs, p.id)
	return nil
}

// mayDelete: not what runs, and nothing twice.
func (p *process) mayDelete(c *container) error {
	switch status, _, _, _ := p.look(); {
	case p.deleted:
		return fmt.Errorf("process %q of container %q is deleted: %w", p.id, c.id, errdefs.ErrNotFound)
	case status == task.Status_STOPPED, status == task.Status_CREATED:
		return nil
	}
	return fmt.Errorf("process %q of container %q runs: %w", p.id, c.id, errdefs.ErrFailedPrecondition)
}
