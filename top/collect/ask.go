package collect

import (
	"errors"
	"time"

	"blackhole/supervisor"
)

// patience is how long a sample waits for the supervisor, which answers within
// milliseconds unless it is stopped or the host is in trouble: then above all the
// view must go on.
const patience = time.Second

// asker asks the supervisor what it knows. A question that has no answer yet is
// not asked a second time.
type asker struct{ pending chan answer }

type answer struct {
	reply *supervisor.Reply
	err   error
}

var errSilent = errors.New("the supervisor does not answer")

// ask fails with nil, nil where there is no supervisor.
func (a *asker) ask(p supervisor.Paths) (*supervisor.Reply, error) {
	if a.pending == nil {
		pending := make(chan answer, 1)
		a.pending = pending
		go func() {
			// What they use is read here, each file once.
			reply, err := p.Ask(supervisor.Request{Method: "status", Brief: true})
			pending <- answer{reply, err}
		}()
	}
	select {
	case got := <-a.pending:
		a.pending = nil
		if errors.Is(got.err, supervisor.ErrNone) {
			return nil, nil
		}
		return got.reply, got.err
	case <-time.After(patience):
		return nil, errSilent
	}
}
