package screen

import (
	"fmt"
	"time"

	"blackhole/top"
)

// sampler takes samples beside the view, so that it answers keys while a sample
// takes its time.
type sampler struct {
	source  Source
	asked   chan string
	results chan result
	busy    chan struct{}
}

type result struct {
	sample *top.Sample
	page   string // whose more it is
	more   *top.More
	took   time.Duration
	err    error
}

func newSampler(source Source) *sampler {
	s := &sampler{source, make(chan string, 1), make(chan result, 1), make(chan struct{}, 1)}
	go func() {
		for page := range s.asked {
			s.results <- s.take(page)
		}
	}()
	return s
}

// ask begins a sample, and what the page of one container needs; false if the
// one before is still under way, or its result was not received.
func (s *sampler) ask(page string) bool {
	select {
	case s.busy <- struct{}{}:
		s.asked <- page
		return true
	default:
		return false
	}
}

// received is called for each result.
func (s *sampler) received() { <-s.busy }

func (s *sampler) stop() { close(s.asked) }

// take makes a panic an error: one of this goroutine's would end the process
// with the terminal as it is.
func (s *sampler) take(page string) (r result) {
	begun := time.Now()
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("cannot take a sample: %v", p)
		}
		r.page, r.took = page, time.Since(begun)
	}()
	if page != "" {
		r.more = s.source.More(page)
	}
	r.sample, r.err = s.source.Sample()
	return r
}
