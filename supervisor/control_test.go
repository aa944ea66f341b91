package supervisor

import (
	"testing"
	"time"

	"blackhole/spec"
)

// answerCalls is as much of the loop as requests need.
func (s *Supervisor) answerCalls() {
	for {
		select {
		case f := <-s.todo:
			f()
			s.tellWaiters()
		case <-s.ctx.Done():
			return
		}
	}
}

// A status that is to be settled comes once the service is up, not while it starts.
func TestSettledStatus(t *testing.T) {
	config := &spec.Config{Services: map[string]*spec.Service{"a": {}}}
	effective, err := config.Service("a")
	if err != nil {
		t.Fatal(err)
	}
	sv := newService("a", effective, config)
	s := &Supervisor{config: config, ctx: t.Context(), todo: make(chan func()), services: map[string]*service{"a": sv}}
	sv.enter(Starting, time.Now(), "")
	go s.answerCalls()
	ask := func(line string) <-chan Reply {
		answer := make(chan Reply, 1)
		go func() { answer <- s.handle(t.Context(), []byte(line), false) }()
		return answer
	}
	if r := <-ask(`{"version":1,"method":"status"}`); r.Error != "" || r.Services[0].State != Starting {
		t.Fatalf("at once: %+v", r)
	}
	answer := ask(`{"version":1,"method":"status","settled":true}`)
	select {
	case r := <-answer:
		t.Fatalf("before it is up: %+v", r)
	case <-time.After(100 * time.Millisecond):
	}
	s.call(func() { sv.up(time.Now()) })
	if r := <-answer; r.Error != "" || r.Services[0].State != Running {
		t.Errorf("when it is up: %+v", r)
	}
}
