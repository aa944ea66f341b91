package task

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	eventtypes "github.com/containerd/containerd/api/events"
	eventsapi "github.com/containerd/containerd/api/services/ttrpc/events/v1"
	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// listener is a containerd's event service that can be away, or refuse.
type listener struct {
	mu     sync.Mutex
	topics []string
	server *ttrpc.Server
	answer func(topic string) error
}

func (l *listener) Forward(_ context.Context, r *eventsapi.ForwardRequest) (*emptypb.Empty, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answer != nil {
		if err := l.answer(r.Envelope.Topic); err != nil {
			return nil, err
		}
	}
	if r.Envelope.Namespace != "ns" {
		return nil, errors.New("namespace " + r.Envelope.Namespace)
	}
	l.topics = append(l.topics, r.Envelope.Topic)
	return &emptypb.Empty{}, nil
}

func (l *listener) serve(t *testing.T, path string) {
	t.Helper()
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if l.server, err = ttrpc.NewServer(); err != nil {
		t.Fatal(err)
	}
	eventsapi.RegisterTTRPCEventsService(l.server, l)
	go func() { _ = l.server.Serve(context.Background(), socket) }()
}

func (l *listener) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.topics)
}

func (l *listener) await(t *testing.T, want ...string) {
	t.Helper()
	// One whose answer is lost, as the listener closes, is told again.
	for deadline := time.Now().Add(30 * time.Second); !slices.Equal(slices.Compact(l.heard()), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("heard %q, want %q", l.heard(), want)
		}
	}
}

func TestEventsKeepTheirOrderWhileContainerdIsStartedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := &listener{}
	l.serve(t, path)
	e, err := newEvents(t.Context(), "ns", path)
	if err != nil {
		t.Fatal(err)
	}
	e.send(&eventtypes.TaskCreate{})
	l.await(t, "/tasks/create")
	if err := l.server.Close(); err != nil {
		t.Fatal(err)
	}
	e.send(&eventtypes.TaskStart{})
	time.Sleep(100 * time.Millisecond) // an attempt in vain
	e.send(&eventtypes.TaskOOM{})
	e.send(&eventtypes.TaskExit{})
	l.serve(t, path)
	l.await(t, "/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit")
	e.send(&eventtypes.TaskDelete{})
	if err := e.drain(t.Context()); err != nil { // the last is told before the end
		t.Fatal(err)
	}
	l.await(t, "/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit", "/tasks/delete")
	l.server.Close()
}

func TestEventsThatContainerdRefusesDoNotStopOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	tries := 0
	l := &listener{answer: func(topic string) error {
		switch {
		case topic == "/tasks/paused":
			return status.Error(codes.InvalidArgument, "no")
		case topic == "/tasks/start" && tries < 2:
			tries++
			return status.Error(codes.Unavailable, "busy")
		}
		return nil
	}}
	l.serve(t, path)
	e, err := newEvents(t.Context(), "ns", path)
	if err != nil {
		t.Fatal(err)
	}
	e.send(&eventtypes.TaskPaused{})
	e.send(&eventtypes.TaskStart{})
	e.send(&eventtypes.TaskResumed{})
	l.await(t, "/tasks/start", "/tasks/resumed")
	if tries != 2 {
		t.Errorf("%d attempts were put off, want 2", tries)
	}
	l.server.Close()
}

func TestEventsOfAnAbsentContainerdAreBounded(t *testing.T) {
	e, err := newEvents(t.Context(), "ns", filepath.Join(t.TempDir(), "nobody"))
	if err != nil {
		t.Fatal(err)
	}
	for range eventsKept + 5 {
		e.send(&eventtypes.TaskPaused{})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) != eventsKept {
		t.Fatalf("%d events are kept, want %d", len(e.queue), eventsKept)
	}
}
