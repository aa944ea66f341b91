package task

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	eventsapi "github.com/containerd/containerd/api/services/ttrpc/events/v1"
	"github.com/containerd/containerd/api/types"
	coreruntime "github.com/containerd/containerd/v2/core/runtime"
	"github.com/containerd/containerd/v2/pkg/ttrpcutil"
	"github.com/containerd/log"
	"github.com/containerd/ttrpc"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// eventsKept is how many events wait for a containerd that is away; the
	// oldest go first.
	eventsKept = 4096
	// eventTimeout is for one event on its way.
	eventTimeout = 5 * time.Second
	// retryMost is the longest pause between two attempts to reach containerd.
	retryMost = 2 * time.Second
	// drainPatience is how long the end of the shim may be put off by events.
	drainPatience = 3 * time.Second
)

// events tells containerd what happens, each event after the one before it has
// arrived, also across a restart of containerd. The publisher of containerd's
// own library sends again in a different order.
type events struct {
	ctx       context.Context
	namespace string
	client    *ttrpcutil.Client

	mu      sync.Mutex
	queue   []*types.Envelope
	more    chan struct{} // one element: there is something new in the queue
	emptied chan struct{} // one element: there is nothing left in it
}

func newEvents(ctx context.Context, namespace, address string) (*events, error) {
	client, err := ttrpcutil.NewClient(address)
	if err != nil {
		return nil, fmt.Errorf("cannot reach containerd at %q: %w", address, err)
	}
	e := &events{
		ctx: context.WithoutCancel(ctx), namespace: namespace, client: client,
		more: make(chan struct{}, 1), emptied: make(chan struct{}, 1),
	}
	go e.run()
	return e, nil
}

// send puts an event into the queue, with the time of now.
func (e *events) send(event any) {
	body, err := typeurl.MarshalAnyToProto(event)
	if err != nil {
		log.L.WithError(err).Errorf("cannot tell an event of type %T", event)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue = append(e.queue, &types.Envelope{
		Timestamp: timestamppb.Now(),
		Namespace: e.namespace,
		Topic:     coreruntime.GetTopic(event),
		Event:     body,
	})
	if over := len(e.queue) - eventsKept; over > 0 {
		log.L.Errorf("containerd is away for too long: %d event(s) are lost", over)
		e.queue = e.queue[over:]
	}
	signal(e.more)
}

// signal fills a channel of one element.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (e *events) run() {
	pause := time.Duration(0)
	for {
		envelope := e.first()
		if envelope == nil {
			signal(e.emptied)
			<-e.more
			continue
		}
		if err := e.forward(envelope); refused(err) {
			log.L.WithError(err).Errorf("containerd refuses an event of topic %s", envelope.Topic)
		} else if err != nil {
			if pause == 0 {
				log.L.WithError(err).Warn("cannot tell containerd of an event; will try again")
			}
			pause = min(2*pause+50*time.Millisecond, retryMost)
			time.Sleep(pause)
			continue
		}
		pause = 0
		e.drop(envelope)
	}
}

func (e *events) first() *types.Envelope {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 {
		e.queue = nil // with the room it took
		return nil
	}
	return e.queue[0]
}

// drop removes the first event, if it has not been lost meanwhile.
func (e *events) drop(envelope *types.Envelope) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) > 0 && e.queue[0] == envelope {
		e.queue = e.queue[1:]
	}
}

func (e *events) forward(envelope *types.Envelope) error {
	err := e.forwardOnce(envelope)
	if errors.Is(err, ttrpc.ErrClosed) { // containerd was started again
		if err = e.client.Reconnect(); err == nil {
			err = e.forwardOnce(envelope)
		}
	}
	return err
}

// refused: containerd has answered, and the answer would be the same again.
func refused(err error) bool {
	answer, ok := status.FromError(err)
	if err == nil || !ok {
		return false
	}
	switch answer.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.ResourceExhausted, codes.Aborted, codes.Unknown:
		return false
	}
	return true
}

func (e *events) forwardOnce(envelope *types.Envelope) error {
	service, err := e.client.EventsService()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, eventTimeout)
	defer cancel()
	_, err = service.Forward(ctx, &eventsapi.ForwardRequest{Envelope: envelope})
	return err
}

// drain waits until all is told, when the shim is about to end.
func (e *events) drain(context.Context) error {
	deadline := time.After(drainPatience)
	for {
		e.mu.Lock()
		left := len(e.queue)
		e.mu.Unlock()
		if left == 0 {
			return e.client.Close()
		}
		select {
		case <-e.emptied:
		case <-deadline:
			log.L.Warnf("containerd is away: %d event(s) are lost", left)
			return e.client.Close()
		}
	}
}
