package task

import (
	"context"
	"fmt"
	"sync"

	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/errdefs"
	"google.golang.org/protobuf/types/known/emptypb"

	"blackhole/cmd/containerd-shim-blackhole-v2/stdio"
)

// Service holds the containers of one shim: one, or all those of a pod.
type Service struct {
	namespace string
	events    *events
	shutdown  shutdown.Service
	consoles  stdio.Consoles

	mu         sync.Mutex
	containers map[string]*container
}

// New makes a service for a namespace, which tells its events to containerd at
// a ttrpc address. It ends with sd.
func New(ctx context.Context, namespace, address string, sd shutdown.Service) (*Service, error) {
	e, err := newEvents(ctx, namespace, address)
	if err != nil {
		return nil, err
	}
	sd.RegisterCallback(e.drain)
	return &Service{namespace: namespace, events: e, shutdown: sd, containers: map[string]*container{}}, nil
}

func empty() *emptypb.Empty { return &emptypb.Empty{} }

// container finds one by its id. One that is still being created is not there.
func (s *Service) container(id string) (*container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.containers[id]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("container %q is not there: %w", id, errdefs.ErrNotFound)
}

// process finds a container's first process, or one that was added by Exec.
func (s *Service) process(id, exec string) (*container, *process, error) {
	c, err := s.container(id)
	if err != nil {
		return nil, nil, err
	}
	if exec == "" {
		return c, c.init, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.execs[exec]; p != nil {
		return c, p, nil
	}
	return nil, nil, fmt.Errorf("process %q of container %q is not there: %w", exec, id, errdefs.ErrNotFound)
}

// reserve keeps an id for a container that is being created; nil in the map is
// one that cannot be found yet.
func (s *Service) reserve(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.containers[id]; taken {
		return fmt.Errorf("container %q: %w", id, errdefs.ErrAlreadyExists)
	}
	s.containers[id] = nil
	return nil
}

func (s *Service) put(id string, c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers[id] = c
}

func (s *Service) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.containers, id)
}
