package runtime

import (
	"context"
	"fmt"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/types"
)

// Event is what happened to a container, in the form of runc events: an "oom"
// without data, or "stats" with a *types.Stats.
type Event = types.Event

// StatsEvent is one "stats" event of now. It fails with
// libcontainer.ErrNotRunning for a container that has stopped.
func (r *Runtime) StatsEvent(id string) (*Event, error) {
	c, err := r.loadLiving(id)
	if err == nil {
		var e *Event
		if e, err = statsEvent(c); err == nil {
			return e, nil
		}
	}
	return nil, fmt.Errorf("cannot show the events of container %q: %w", id, err)
}

// Events hands a container's events to emit: an "oom" for each process that
// the kernel killed for want of memory from now on, a "stats" each interval. It
// returns when the container's cgroup is gone (v1) or empty (v2), or ctx ends, or
// with emit's error. Stats that cannot be read are a warning.
func (r *Runtime) Events(ctx context.Context, id string, interval time.Duration, emit func(*Event) error) error {
	if err := r.events(ctx, id, interval, emit); err != nil {
		return fmt.Errorf("cannot show the events of container %q: %w", id, err)
	}
	return nil
}

func (r *Runtime) events(ctx context.Context, id string, interval time.Duration, emit func(*Event) error) error {
	if interval <= 0 {
		return fmt.Errorf("interval %s is not above 0", interval)
	}
	c, err := r.loadLiving(id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kills := make(chan uint64)
	watch, err := watchKills(c, func(n uint64) {
		select {
		case kills <- n:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return err
	}
	defer watch.Close()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case n := <-kills:
			for range n {
				if err := emit(&Event{Type: "oom", ID: id}); err != nil {
					return err
				}
			}
		case <-watch.ended:
			return nil
		case <-ctx.Done():
			return nil
		case <-tick.C:
			e, err := statsEvent(c)
			if err != nil {
				r.warn(fmt.Errorf("cannot show the statistics of container %q: %w", id, err))
				continue
			}
			if err := emit(e); err != nil {
				return err
			}
		}
	}
}

// loadLiving is load for a container that has not stopped.
func (r *Runtime) loadLiving(id string) (*libcontainer.Container, error) {
	c, err := r.load(id)
	if err != nil {
		return nil, err
	}
	status, err := c.Status()
	if err == nil && status == libcontainer.Stopped {
		err = fmt.Errorf("%w: it has stopped", libcontainer.ErrNotRunning)
	}
	return c, err
}

func statsEvent(c *libcontainer.Container) (*Event, error) {
	s, err := c.Stats()
	if err != nil {
		return nil, err
	}
	return &Event{Type: "stats", ID: c.ID(), Data: eventStats(s)}, nil
}
